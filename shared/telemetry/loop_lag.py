"""Loop lag: how late the event loop comes to what is due. On one thread it is the measure of too little CPU: it rises
when there is more work than time, whatever the work is."""

import asyncio
import time
from collections.abc import Callable
from typing import Never

from holdfast.shared.telemetry import metrics

_SAMPLE_S = 0.1
_SAMPLES = 10


class Lateness:
    """Second by second. Pure."""

    def __init__(self) -> None:
        #: Of the last whole second. One long stop says nothing of the second around it: the 90th percentile counts.
        self.p90_s = 0.0
        self._late_s: list[float] = []

    def sampled(self, late_s: float) -> bool:
        """The loop was so late. Whether a second is full."""
        self._late_s.append(late_s)
        if len(self._late_s) < _SAMPLES:
            return False
        self.p90_s = sorted(self._late_s)[int(_SAMPLES * 0.9) - 1]
        self._late_s.clear()
        return True


async def watch(heard: Callable[[float], object] = lambda _: None) -> Never:
    """Sample for ever; `heard` is told of each."""
    lateness = Lateness()
    while True:
        due = time.monotonic() + _SAMPLE_S
        await asyncio.sleep(_SAMPLE_S)
        late_s = max(0.0, time.monotonic() - due)
        if lateness.sampled(late_s):
            metrics.event_loop_lag.set(lateness.p90_s)
        heard(late_s)
