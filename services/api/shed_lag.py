"""Event-loop lag: how late the loop comes to what is due. On one thread it is the measure of too little CPU: it rises
when there is more work than time, whatever the work is.
"""

import asyncio
from collections.abc import Callable

from services.api.lanes import Lane
from shared import metrics

SAMPLE_S = 0.1
_SAMPLES = 10
_TOO_LATE_S = 0.1
_LEVEL_MAX = 4

#: Shares that are turned away, by level. Reads go before writes, and 40 % of both always have a chance.
_SHARES = {
    Lane.KEPT: (0.0, 0.0, 0.0, 0.0, 0.0),
    Lane.WRITES: (0.0, 0.0, 0.0, 0.3, 0.6),
    Lane.READS: (0.0, 0.0, 0.3, 0.6, 0.6),
    Lane.REST: (0.0, 1.0, 1.0, 1.0, 1.0),
}


class Lag:
    """Whether the loop keeps up, second by second. Pure."""

    def __init__(self) -> None:
        #: 0: it keeps up; to `_LEVEL_MAX`.
        self.level = 0
        self.p90_s = 0.0
        self._late_s: list[float] = []

    def sampled(self, late_s: float) -> None:
        """The loop was so late. One long stop says nothing of the second around it: the 90th percentile counts."""
        self._late_s.append(late_s)
        if len(self._late_s) < _SAMPLES:
            return
        self.p90_s = sorted(self._late_s)[int(_SAMPLES * 0.9) - 1]
        self._late_s.clear()
        step = 1 if self.p90_s > _TOO_LATE_S else -1
        self.level = min(max(self.level + step, 0), _LEVEL_MAX)

    def refused_share(self, lane: Lane) -> float:
        """The share of a lane's requests that is to be turned away now."""
        return _SHARES[lane][self.level]


async def watch(lag: Lag, clock: Callable[[], float]) -> None:
    """Sample for ever."""
    while True:
        due = clock() + SAMPLE_S
        await asyncio.sleep(SAMPLE_S)
        lag.sampled(max(0.0, clock() - due))
        metrics.event_loop_lag.set(lag.p90_s)
