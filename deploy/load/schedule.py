"""Open loop: requests leave at their scheduled times, whatever became of the ones before. A server that stands still
is asked all the same, and every request that had to wait for it counts from when it should have left."""

import asyncio
import random
import time
from array import array
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: Unix seconds at the monotonic clock's zero: a clock that is set while a run lasts moves nothing.
_EPOCH = time.time() - time.monotonic()

_IN_FLIGHT_MAX = 5000
_BEGIN_IN_S = 0.1


def now() -> float:
    """Unix seconds, which never jump."""
    return time.monotonic() + _EPOCH


def constant(per_s: float, duration_s: float) -> Iterator[float]:
    """Seconds from the start of each of the evenly spaced arrivals."""
    return (number / per_s for number in range(round(per_s * duration_s)))


def poisson(per_s: float, duration_s: float, seed: int = 1) -> Iterator[float]:
    """The same for arrivals that know nothing of one another, as those of many clients."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    at = draw.expovariate(per_s)
    while at < duration_s:
        yield at
        at += draw.expovariate(per_s)


@dataclass(slots=True)
class OpenLoop:
    """One run over `arrivals`, in seconds from its start."""

    arrivals: Iterable[float]
    #: Requests under way above which no more are sent: our own memory has an end.
    in_flight_max: int = _IN_FLIGHT_MAX
    #: Unix seconds.
    began: float = 0.0
    #: How late each send was, in seconds: the generator's own fault.
    slips_s: "array[float]" = field(default_factory=lambda: array("d"))
    #: When those should have left that were not sent.
    dropped: "array[float]" = field(default_factory=lambda: array("d"))
    in_flight: int = 0
    in_flight_peak: int = 0

    async def run(self, send: Callable[[int, float], Coroutine[Any, Any, None]]) -> None:
        """Call `send(number, intended Unix time)` for each, at its time; comes back when all are done. An exception of
        one ends it all."""
        self.began = now() + _BEGIN_IN_S
        async with asyncio.TaskGroup() as group:
            for number, after_s in enumerate(self.arrivals):
                intended = self.began + after_s
                if (early_s := intended - now()) > 0:
                    await asyncio.sleep(early_s)
                elif number % 64 == 0:
                    await asyncio.sleep(0)  # behind: those under way need a turn, or nobody is ever answered
                self.slips_s.append(max(0.0, now() - intended))
                if self.in_flight >= self.in_flight_max:
                    self.dropped.append(intended)
                    continue
                self.in_flight += 1
                self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
                group.create_task(self._one(send, number, intended))

    async def _one(self, send: Callable[[int, float], Coroutine[Any, Any, None]], number: int, intended: float) -> None:
        try:
            await send(number, intended)
        finally:
            self.in_flight -= 1
