"""Followed writes: polls some of the accepted writes until they are applied, as a careful client would. The end-to-end
latency is the time from the intended start to the first response that says `applied`."""

import asyncio
from dataclasses import dataclass, field

import orjson

from deploy.client.connections import Connections, Response
from deploy.client.open_loop import now
from deploy.client.outcome import ANSWERED, Outcome
from deploy.client.requests import Request

_FIRST_S = 0.02
_LATER_MAX_S = 0.5
#: Seconds after the last request to wait for writes to end.
PATIENCE_S = 60.0
_ENDED = {"applied", "superseded", "rejected", "dead_lettered", "discarded", "lost"}


@dataclass(slots=True)
class Followed:
    """One write, in Unix seconds. `ended_at`: None if it did not end in time. `direct`: its own response said
    `applied`."""

    intended: float
    status: str = "queued"
    ended_at: float | None = None
    direct: bool = False

    @property
    def took_s(self) -> float | None:
        """Seconds from the intended start to the end as the client saw it, late by one poll at most."""
        return None if self.ended_at is None else self.ended_at - self.intended


@dataclass(slots=True)
class Follower:
    """Follows `per_s` writes. It follows only some, so that polling does not become a load of its own."""

    connections: Connections
    per_s: float = 5.0
    writes: list[Followed] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _next: float = 0.0

    def completed(self, intended: float, request: Request, response: Response, outcome: Outcome) -> None:
        """Note one completed request of the run."""
        if not request.key or outcome not in ANSWERED or not self.per_s or intended < self._next:
            return
        self._next = intended + 1 / self.per_s
        data = orjson.loads(response.body)["data"]
        if response.status != 202:
            self.writes.append(Followed(intended, "applied", now(), direct=True))
            return
        write = Followed(intended)
        self.writes.append(write)
        task = asyncio.get_running_loop().create_task(self._until_ended(write, data["operation_id"]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait until all have ended, or the time is over."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=PATIENCE_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until_ended(self, write: Followed, operation_id: str) -> None:
        pause_s = _FIRST_S
        while True:
            await asyncio.sleep(pause_s)
            response = await self.connections.request("GET", f"/operations/{operation_id}")
            if response.status == 200 and (status := orjson.loads(response.body)["data"]["status"]) in _ENDED:
                write.status, write.ended_at = status, now()
                return
            # The pause grows with the write's age: a write that has waited for ten seconds is not polled a hundred
            # times more.
            pause_s = min(_LATER_MAX_S, max(_FIRST_S, (now() - write.intended) / 10))
