"""Probe: repeats one look. A look that fails leaves the metrics unchanged, including the time of the last success."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Never

from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.telemetry import metrics

#: Looking takes no more than this share of the time, however large the system grows.
_SHARE_MAX = 0.1
#: Longest pause after a failed look (s), unless the probe's interval is longer: a failure says nothing about the next
#: look.
_FAILED_PAUSE_S = 5.0


class Probe:
    """Runs `look`, which exports what it finds, every `every_s` seconds or more rarely. `limit_s`: the look's timeout;
    None: the driver's own timeouts suffice. `share_max`: largest share of the time that looking may take."""

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
        """Why the last look failed; empty if it succeeded."""
        return self._reporter.failing

    async def run(self) -> Never:
        """Look repeatedly until cancelled."""
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
        """Look once, and return whether that succeeded."""
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
    """Return the pause after a look that took `took_s`, given that the look before took `before_s`. A look that an
    outage made slow says nothing about the next one; two slow looks in a row show what a look costs now."""
    return max(every_s, min(took_s, before_s) * (1 / share_max - 1))
