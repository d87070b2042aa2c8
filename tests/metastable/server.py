"""The server: one request after another, in the order they came; for a while it stands still."""

import asyncio
import random
from dataclasses import dataclass, field

from tests.metastable.virtual_time import now_s

#: 100 requests a second at most.
SERVICE_S = 0.01


class Full(Exception):
    """The queue is as long as it may be: nothing was taken."""


class Expired(Exception):
    """Its time was over before its turn came: nothing was done."""


@dataclass(frozen=True, slots=True)
class _Job:
    due_s: float
    done: asyncio.Future[None]


@dataclass(slots=True)
class Server:
    """`queue_max` and `drops_expired` are what a server can do for itself; left out, it does everything it was asked
    for, also for those who have gone."""

    stall_begins_s: float
    stall_ends_s: float
    seed: int
    queue_max: int | None = None
    drops_expired: bool = False
    _queue: "asyncio.Queue[_Job]" = field(default_factory=asyncio.Queue)

    async def ask(self, due_s: float) -> None:
        """Comes back when it is done. Raises Full or Expired."""
        if self.queue_max is not None and self._queue.qsize() >= self.queue_max:
            raise Full
        job = _Job(due_s, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(job)
        await job.done

    async def work(self) -> None:
        """For ever."""
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
