"""Window: counts failed and slow calls over the last seconds. Pure."""

from collections import deque
from typing import NamedTuple


class Tally(NamedTuple):
    """Counts of calls; a call may be both a failure and slow."""

    calls: int
    failures: int
    slow: int


_NOTHING = Tally(0, 0, 0)


class RateWindow:
    """A sliding window over the last `window_s` seconds, in buckets of `bucket_s`, including the current bucket."""

    __slots__ = ("_before", "_bucket_ends", "_bucket_s", "_finished", "calls", "failures", "slow")

    def __init__(self, window_s: float, bucket_s: float, now: float) -> None:
        self._bucket_s = bucket_s
        self._finished = deque([_NOTHING] * (round(window_s / bucket_s) - 1))
        self.clear(now)

    def clear(self, now: float) -> None:
        """Clear the counts. The first bucket begins at `now`."""
        self.calls = self.failures = self.slow = 0
        #: The totals at the start of the current bucket. The hot path adds to totals only.
        self._before = _NOTHING
        self._finished = deque([_NOTHING] * len(self._finished))
        self._bucket_ends = now + self._bucket_s

    def add(self, now: float, failed: bool, slow: bool) -> None:
        """Count one call that ended at `now`."""
        if now >= self._bucket_ends:
            self.turn(now)
        self.calls += 1
        if failed:
            self.failures += 1
        if slow:
            self.slow += 1

    def turn(self, now: float) -> None:
        """Drop the buckets that are older than the window."""
        if now < self._bucket_ends:
            return
        passed = int((now - self._bucket_ends) / self._bucket_s) + 1
        self._bucket_ends += passed * self._bucket_s
        running = Tally(
            self.calls - self._before.calls, self.failures - self._before.failures, self.slow - self._before.slow
        )
        for _ in range(min(passed, len(self._finished) + 1)):
            dropped = self._finished.popleft()
            self._finished.append(running)
            running = _NOTHING
            self.calls -= dropped.calls
            self.failures -= dropped.failures
            self.slow -= dropped.slow
        self._before = Tally(self.calls, self.failures, self.slow)
