"""Event loop lag: measures how late the loop runs a timer that is due. In a single-threaded process it shows a lack of
CPU: it rises whenever there is more work than time."""

import asyncio
import time
from collections.abc import Callable
from typing import Never

from holdfast.shared.telemetry import metrics

_SAMPLE_S = 0.1
_SAMPLES = 10


class Lateness:
    """The lag, second by second. Pure."""

    def __init__(self) -> None:
        #: The 90th percentile of the last whole second, so that one long pause does not decide the value.
        self.p90_s = 0.0
        self._late_s: list[float] = []

    def sampled(self, late_s: float) -> bool:
        """Add a sample. Return whether a second is complete."""
        self._late_s.append(late_s)
        if len(self._late_s) < _SAMPLES:
            return False
        self.p90_s = sorted(self._late_s)[int(_SAMPLES * 0.9) - 1]
        self._late_s.clear()
        return True


async def watch(on_sample: Callable[[float], object] = lambda _: None) -> Never:
    """Sample until cancelled. `on_sample` is called with each lag in seconds."""
    lateness = Lateness()
    while True:
        due = time.monotonic() + _SAMPLE_S
        await asyncio.sleep(_SAMPLE_S)
        late_s = max(0.0, time.monotonic() - due)
        if lateness.sampled(late_s):
            metrics.event_loop_lag.set(lateness.p90_s)
        on_sample(late_s)
