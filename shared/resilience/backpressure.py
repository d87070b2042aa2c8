"""Backpressure: decides whether new writes are refused because they would wait too long. Pure.

A new write waits for the entries that no writer has received yet. An entry that a writer holds, for example because its
row is locked, does not delay other entries.
"""

from math import ceil
from typing import NamedTuple

_RESUME_AT = 0.7
_SMOOTHING_S = 10.0
_RETRY_AFTER_S = (1, 30)


class Sight(NamedTuple):
    """The stream at one moment, `at` in seconds of a monotonic clock."""

    at: float
    #: Entries on the stream, and the number of them that no writer has received.
    depth: int
    waiting: int
    #: Age of the oldest waiting entry; 0 if there is none.
    waiting_s: float
    #: The number of entries that have ever left the stream.
    drained: int


class Backpressure:
    """Starts above `depth_max` entries or an expected wait of `wait_max_s`; ends when both are below 70 % of that.

    backpressure.observe(Sight(at=now, depth=5, waiting=2, waiting_s=0.1, drained=100))
    if backpressure.active: ...
    """

    def __init__(self, depth_max: int, wait_max_s: float) -> None:
        self._depth_max = depth_max
        self._wait_max_s = wait_max_s
        self._sight: Sight | None = None
        self._flowed_at: float | None = None
        #: Entries per second, smoothed while entries are drained.
        self.drain_rate = 0.0
        self.active = False

    def observe(self, sight: Sight) -> None:
        """Take over a new observation, and update `active`."""
        before, self._sight = self._sight, sight
        if before is not None and sight.at > before.at:
            self._measure(sight, max(0, sight.drained - before.drained) / (sight.at - before.at), before.at)
        share = max(sight.depth / self._depth_max, self.wait_s() / self._wait_max_s)
        self.active = share > (_RESUME_AT if self.active else 1)

    def wait_s(self) -> float:
        """Return the expected wait of a write that is accepted now: the age of the oldest waiting entry, or the time to
        drain all waiting entries, whichever is longer. Without a drain rate only the age is known."""
        seen = self._sight
        if seen is None:
            return 0.0
        predicted_s = seen.waiting / self.drain_rate if self.drain_rate > 0 else 0.0
        return max(seen.waiting_s, predicted_s)

    def numbers(self) -> dict[str, object]:
        """Return the last observation and the limits, for logs."""
        seen = self._sight
        return {
            "depth": seen.depth if seen else None,
            "depth_max": self._depth_max,
            "wait_s": round(self.wait_s(), 1) if seen else None,
            "wait_max_s": self._wait_max_s,
            "drained_per_s": round(self.drain_rate, 1),
        }

    def blind(self) -> None:
        """Record that the stream cannot be observed. Accepting a write fails on its own then, so there is no
        backpressure."""
        self._sight = None
        self.active = False

    def retry_after_s(self) -> int:
        """Return the expected seconds until the backlog is short enough; the maximum if nothing is drained."""
        least, most = _RETRY_AFTER_S
        if self._sight is None or self.drain_rate <= 0:
            return most
        excess = max(
            self._sight.depth - _RESUME_AT * self._depth_max,
            self._sight.waiting - _RESUME_AT * self._wait_max_s * self.drain_rate,
        )
        return min(most, max(least, ceil(excess / self.drain_rate)))

    def _measure(self, sight: Sight, rate: float, since: float) -> None:
        if rate > 0:
            # After a standstill the first rate counts alone: the zeros before it say nothing about the drain.
            took_s = sight.at - since
            weight = min(1.0, took_s / _SMOOTHING_S) if self.drain_rate > 0 else 1.0
            self.drain_rate += weight * (rate - self.drain_rate)
            self._flowed_at = sight.at
        elif self._flowed_at is not None and sight.at - self._flowed_at >= _SMOOTHING_S:
            self.drain_rate = 0.0
