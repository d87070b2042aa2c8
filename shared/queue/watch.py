"""Watch: whether the reading loop is alive. It is judged by progress, because FastStream's own ping stays true after
its subscriber has stopped.

There are two questions. Whether the reader gets replies from Redis decides whether another reader is started; whether
the loop turns decides whether the process is alive. While Redis is down, for however long, the loop turns: it attempts
to read, waits, and attempts again. Only an attempt that never ends stops the loop.
"""

import asyncio
import time
from collections.abc import Callable

from redis.exceptions import ResponseError

from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import READER_SILENCE_MAX_S
from holdfast.shared.telemetry import metrics


class Watch:
    """Records when the reader last got a reply from Redis, and when the loop last turned.

    `busy` returns whether entries are being handled; `turn_max_s`: the longest turn of a live loop, in seconds;
    `silence_max_s`: seconds without a reply after which the reader is stalled.
    """

    def __init__(
        self, busy: Callable[[], object], turn_max_s: float, *, silence_max_s: float = READER_SILENCE_MAX_S
    ) -> None:
        self._busy = busy
        self._silence_max_s = silence_max_s
        self._turn_max_s = turn_max_s
        self._alive_at = self._turned_at = time.monotonic()
        self.reporter = FailureReporter("reading")
        #: Set when the reader has lost its connection. FastStream would wait five seconds before its next attempt.
        self.lost = asyncio.Event()

    def alive(self) -> None:
        """Record that Redis answered the reader."""
        self.began()
        if self.reporter.failing:
            self.reporter.worked()

    def failed(self, error: Exception) -> None:
        """Record that a read failed."""
        self.reporter.failed(error)
        if not isinstance(error, ResponseError):
            self.lost.set()

    def began(self) -> None:
        """Record that a new reader was started."""
        self._alive_at = self._turned_at = time.monotonic()
        metrics.last_progress.set_to_current_time()

    def turned(self) -> None:
        """Record that the loop begins another attempt, whatever the result of the last one."""
        self._turned_at = time.monotonic()

    @property
    def stalled(self) -> bool:
        """Whether the reader is silent although no entries are being handled, which would explain the silence."""
        if self._busy():
            self._alive_at = self._turned_at = time.monotonic()
        return time.monotonic() - self._alive_at > self._silence_max_s

    def progress(self) -> tuple[bool, str]:
        """Return whether the loop turns, and a text about it, as a health check."""
        now = time.monotonic()
        fine = now - self._turned_at < self._turn_max_s
        return fine, f"last answer {now - self._alive_at:.0f} s ago, last try {now - self._turned_at:.0f} s ago"
