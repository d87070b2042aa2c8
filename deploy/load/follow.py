"""Follow: what became of accepted writes. Some of them are asked after until they are applied, as a careful client
would; from intended start to the first answer that says `applied` is the latency end to end."""

import asyncio
from dataclasses import dataclass, field

import orjson

from deploy.load.schedule import now
from deploy.load.wire import Connections

_FIRST_S = 0.02
_LATER_MAX_S = 0.5
#: How long after the last request we wait for writes to be over.
PATIENCE_S = 60.0
_ENDED = {"applied", "superseded", "rejected", "dead_lettered", "discarded"}


@dataclass(slots=True)
class Followed:
    """One write; Unix seconds. `ended_at` None: not within our patience. `direct`: applied when its answer came."""

    intended: float
    status: str = "queued"
    ended_at: float | None = None
    direct: bool = False

    @property
    def took_s(self) -> float | None:
        """From intended start to its end, as seen from here: late by a poll at most."""
        return None if self.ended_at is None else self.ended_at - self.intended


@dataclass(slots=True)
class Follower:
    """`per_s`: so many are followed; asking must not be a load of its own."""

    connections: Connections
    per_s: float = 5.0
    writes: list[Followed] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _next: float = 0.0

    def accepted(self, intended: float, status: int, body: bytes) -> None:
        """A write was answered with a 2xx."""
        if not self.per_s or intended < self._next:
            return
        self._next = intended + 1 / self.per_s
        data = orjson.loads(body)["data"]
        if status != 202:
            self.writes.append(Followed(intended, "applied", now(), direct=True))
            return
        write = Followed(intended)
        self.writes.append(write)
        task = asyncio.get_running_loop().create_task(self._until_over(write, data["operation_id"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def rest(self) -> None:
        """Until all are over, or patience is."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until_over(self, write: Followed, operation_id: str) -> None:
        pause_s = _FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            answer = await self.connections.request("GET", f"/operations/{operation_id}")
            if answer.status == 200 and (status := orjson.loads(answer.body)["data"]["status"]) in _ENDED:
                write.status, write.ended_at = status, now()
                return
            # By its age: what has waited for ten seconds is not asked after a hundred times.
            pause_s = min(_LATER_MAX_S, max(_FIRST_S, (now() - write.intended) / 10))
