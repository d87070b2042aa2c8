"""The server: it handles one request after another, in the order of arrival, and stalls for a while."""

import asyncio
import random
from dataclasses import dataclass, field

from tests.metastable.virtual_time import now_s

#: Mean seconds per request: 100 requests per second at most.
SERVICE_S = 0.01


class Full(Exception):
    """The queue is full; the request was not taken."""


class Expired(Exception):
    """The deadline of the request passed before its turn; it had no effect."""


@dataclass(frozen=True, slots=True)
class _Job:
    due_s: float
    done: asyncio.Future[None]


@dataclass(slots=True)
class Server:
    """A server with a queue. `queue_max` and `drops_expired` protect it; without them it handles every request, even
    those of clients that have left."""

    stall_begins_s: float
    stall_ends_s: float
    seed: int
    queue_max: int | None = None
    drops_expired: bool = False
    _queue: "asyncio.Queue[_Job]" = field(default_factory=asyncio.Queue)

    async def ask(self, due_s: float) -> None:
        """Send a request, and return when it is done. Raises Full or Expired."""
        if self.queue_max is not None and self._queue.qsize() >= self.queue_max:
            raise Full
        job = _Job(due_s, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        await job.done

    async def work(self) -> None:
        """Handle requests until cancelled."""
        chance = random.Random(self.seed)
        while True:
            job = await self._queue.get()
            if self.stall_begins_s <= now_s() < self.stall_ends_s:
                await asyncio.sleep(self.stall_ends_s - now_s())
            if self.drops_expired and job.due_s <= now_s():
                if not job.done.done():
                    job.done.set_exception(Expired())
                continue
            await asyncio.sleep(chance.expovariate(1 / SERVICE_S))
            if not job.done.done():
                job.done.set_result(None)
