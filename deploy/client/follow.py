"""Followed writes: some of the accepted writes are polled until they are applied, as a careful client would.

From the intended start to the first response that says `applied` is the end-to-end latency.
"""

import asyncio
from dataclasses import dataclass, field

import orjson

from deploy.client.connections import Connections, Response
from deploy.client.open_loop import now
from deploy.client.outcome import ANSWERED, Outcome
from deploy.client.requests import Request

_FIRST_S = 0.02
_LATER_MAX_S = 0.5
#: How long after the last request we wait for writes to end.
PATIENCE_S = 60.0
_ENDED = {"applied", "superseded", "rejected", "dead_lettered", "discarded", "lost"}


@dataclass(slots=True)
class Followed:
    """One write; Unix seconds. `ended_at` None: not within our patience. `direct`: applied by its own response."""

    intended: float
    status: str = "queued"
    ended_at: float | None = None
    direct: bool = False

    @property
    def took_s(self) -> float | None:
        """From the intended start to its end as seen by the client: late by one poll at most."""
        return None if self.ended_at is None else self.ended_at - self.intended


@dataclass(slots=True)
class Follower:
    """Follows `per_s` writes; polling must not become a load of its own."""

    connections: Connections
    per_s: float = 5.0
    writes: list[Followed] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _next: float = 0.0

    def completed(self, intended: float, request: Request, response: Response, outcome: Outcome) -> None:
        """Take note of one request of the run."""
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
        """Wait until all have ended, or patience has."""
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
            # In proportion to its age: a write that has waited for ten seconds is not polled a hundred times more.
            pause_s = min(_LATER_MAX_S, max(_FIRST_S, (now() - write.intended) / 10))
