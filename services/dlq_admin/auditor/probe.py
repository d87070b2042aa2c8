"""Probe: one look, repeated. A look that fails leaves the metrics as they are, and the time of the last success
stays."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Never

from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.telemetry import metrics

#: Looking takes no more than this share of the time, however large the system grows.
_SHARE_MAX = 0.1
#: A look that failed says nothing about the next one.
_FAILED_PAUSE_S = 5.0


class Probe:
    """`look` exports what it sees. `limit_s` None: the driver's own limits are enough."""

    def __init__(
        self,
        name: str,
        look: Callable[[], Awaitable[None]],
        *,
        every_s: float,
        limit_s: float | None = None,
        share_max: float = _SHARE_MAX,
    ) -> None:
        self.name = name
        self._look = look
        self._every_s = every_s
        self._limit_s = limit_s
        self._share_max = share_max
        self._reporter = FailureReporter(f"audit_{name}")
        metrics.probe_last_success.labels(name).set_to_current_time()  # so that one that never works goes stale too
        metrics.probe_duration.labels(name)

    @property
    def failing(self) -> str:
        """Why the last look failed; empty: it worked."""
        return self._reporter.failing

    async def run(self) -> Never:
        """For ever."""
        before_s = None
        while True:
            began = time.monotonic()
            worked = await self.once()
            took_s = time.monotonic() - began
            if worked:
                rest_s = pause_s(took_s, took_s if before_s is None else before_s, self._every_s, self._share_max)
                before_s = took_s
            else:
                rest_s = max(self._every_s, min(took_s, _FAILED_PAUSE_S))
            await asyncio.sleep(rest_s)

    async def once(self) -> bool:
        """One look; whether it worked."""
        began = time.monotonic()
        try:
            with self._reporter:
                async with asyncio.timeout(self._limit_s):
                    await self._look()
        except AWAY:  # a TimeoutError is an OSError
            return False
        metrics.probe_last_success.labels(self.name).set_to_current_time()
        metrics.probe_duration.labels(self.name).set(time.monotonic() - began)
        return True


def pause_s(took_s: float, before_s: float, every_s: float, share_max: float) -> float:
    """After a look that took `took_s`, and the one before it `before_s`. A look that an outage made slow says nothing
    about the next one; two slow looks show what a look costs now."""
    return max(every_s, min(took_s, before_s) * (1 / share_max - 1))
