"""The open loop: requests start at their scheduled times, whatever became of earlier ones. A server that stalls still
gets requests, and the latency of a request that had to wait counts from its intended start."""

import asyncio
import random
import time
from array import array
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

#: Unix seconds at the monotonic clock's zero, so that setting the clock during a run changes nothing.
_EPOCH = time.time() - time.monotonic()

_IN_FLIGHT_MAX = 5000
_BEGIN_IN_S = 0.1

Send = Callable[[int, float], Coroutine[Any, Any, None]]


def now() -> float:
    """Return Unix seconds that never jump."""
    return time.monotonic() + _EPOCH


def constant(per_s: float, duration_s: float) -> Iterator[float]:
    """Return evenly spaced arrivals, in seconds from the start."""
    return (number / per_s for number in range(round(per_s * duration_s)))


def poisson(per_s: float, duration_s: float, seed: int = 1) -> Iterator[float]:
    """Return independent arrivals, as those of many clients."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    at = draw.expovariate(per_s)
    while at < duration_s:
        yield at
        at += draw.expovariate(per_s)


@dataclass(slots=True)
class OpenLoop:
    """One run over `arrivals`, in seconds from its start."""

    arrivals: Iterable[float]
    #: Requests in flight above which arrivals are dropped, to bound the generator's memory.
    in_flight_max: int = _IN_FLIGHT_MAX
    #: The start, in Unix seconds.
    began: float = 0.0
    #: Seconds by which each send was late, which is the generator's own fault.
    slips_s: "array[float]" = field(default_factory=lambda: array("d"))
    #: Intended starts of dropped arrivals.
    dropped: "array[float]" = field(default_factory=lambda: array("d"))
    in_flight: int = 0
    in_flight_peak: int = 0

    async def run(self, send: Send) -> None:
        """Call `send(number, intended Unix time)` for each arrival on time, and return when all calls are done. An
        exception in one of them ends the run."""
        self.began = now() + _BEGIN_IN_S
        async with asyncio.TaskGroup() as group:
            for number, after_s in enumerate(self.arrivals):
                intended = self.began + after_s
                if (early_s := intended - now()) > 0:
                    await asyncio.sleep(early_s)
                elif number % 64 == 0:
                    await asyncio.sleep(0)  # behind schedule: requests in flight need a turn to complete
                self.slips_s.append(max(0.0, now() - intended))
                if self.in_flight >= self.in_flight_max:
                    self.dropped.append(intended)
                    continue
                self.in_flight += 1
                self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
                group.create_task(self._one(send, number, intended))

    async def _one(self, send: Send, number: int, intended: float) -> None:
        try:
            await send(number, intended)
        finally:
            self.in_flight -= 1
