"""Watch: is the reading loop alive? Progress is the sign of it, because FastStream's own ping stays true when its
subscriber has stopped.

Two questions: whether the reader gets replies from Redis, which decides whether another reader is started; and whether
the loop turns, which decides whether the process is alive. While Redis is away, for however long, the loop turns: it
tries again, waits, tries again. Only a try that never ends stops it.
"""

import asyncio
import time
from collections.abc import Callable

from redis.exceptions import ResponseError

from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import READER_SILENCE_MAX_S
from holdfast.shared.telemetry import metrics


class Watch:
    """When the reader last got a reply from Redis, and when the loop last turned. `busy`: whether there is work in
    hand; `turn_max_s`: the longest turn of a loop that is alive."""

    def __init__(
        self, busy: Callable[[], object], turn_max_s: float, *, silence_max_s: float = READER_SILENCE_MAX_S
    ) -> None:
        self._busy = busy
        self._silence_max_s = silence_max_s
        self._turn_max_s = turn_max_s
        self._alive_at = self._turned_at = time.monotonic()
        self.reporter = FailureReporter("reading")
        #: The reader lost its connection. FastStream would pause for five seconds before it tries again.
        self.lost = asyncio.Event()

    def alive(self) -> None:
        """Redis answered the reader."""
        self.began()
        if self.reporter.failing:
            self.reporter.worked()

    def failed(self, error: Exception) -> None:
        """A read of the reader failed."""
        self.reporter.failed(error)
        if not isinstance(error, ResponseError):
            self.lost.set()

    def began(self) -> None:
        """The reader was started anew."""
        self._alive_at = self._turned_at = time.monotonic()
        metrics.last_progress.set_to_current_time()

    def turned(self) -> None:
        """The loop begins another try, whatever came of the last one."""
        self._turned_at = time.monotonic()

    @property
    def stalled(self) -> bool:
        """Whether the reader is silent and has no work in hand that would explain it."""
        if self._busy():
            self._alive_at = self._turned_at = time.monotonic()
        return time.monotonic() - self._alive_at > self._silence_max_s

    def progress(self) -> tuple[bool, str]:
        """A health check: whether the loop turns."""
        now = time.monotonic()
        fine = now - self._turned_at < self._turn_max_s
        return fine, f"last answer {now - self._alive_at:.0f} s ago, last try {now - self._turned_at:.0f} s ago"
