"""Watch: is the reading loop alive? Progress is the sign of it, because FastStream's own ping stays true when its
subscriber has stopped."""

import time
from collections.abc import Callable

from shared import metrics


class Watch:
    """Remembers when the reader last heard from Redis. `busy`: whether there is work in hand."""

    def __init__(self, busy: Callable[[], object], silence_max_s: float) -> None:
        self._busy = busy
        self._silence_max_s = silence_max_s
        self._alive_at = time.monotonic()

    def alive(self) -> None:
        """Redis answered the reader, or the reader was started anew."""
        self._alive_at = time.monotonic()
        metrics.last_progress.set_to_current_time()

    @property
    def stalled(self) -> bool:
        """Whether the reader is silent and has no work in hand that would explain it."""
        if self._busy():
            self._alive_at = time.monotonic()
        return time.monotonic() - self._alive_at > self._silence_max_s

    def progress(self) -> tuple[bool, str]:
        """A health check. A Redis that is away is no reason to be restarted: the limit is wide."""
        silent_s = time.monotonic() - self._alive_at
        return silent_s < 20 * self._silence_max_s, f"last answer {silent_s:.0f} s ago"
