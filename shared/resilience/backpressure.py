"""Backpressure: whether a new write would wait too long for its turn, and when it may no longer. Pure.

What counts is what lies before a new write: entries that no writer has been given yet. An entry that a writer keeps,
such as one whose row somebody has locked, delays nobody but itself.
"""

from math import ceil
from typing import NamedTuple

_RESUME_AT = 0.7
_SMOOTHING_S = 10.0
_RETRY_AFTER_S = (1, 30)


class Sight(NamedTuple):
    """The stream at one moment."""

    at: float
    #: Entries on the stream, and those of them that no writer has been given.
    depth: int
    waiting: int
    #: Age of the oldest that waits; 0 when none does.
    waiting_s: float
    #: Entries that ever left the stream.
    drained: int


class Backpressure:
    """Begins above `depth_max` entries or a wait of `wait_max_s`, and ends when both are below 70 % of that."""

    def __init__(self, depth_max: int, wait_max_s: float) -> None:
        self._depth_max = depth_max
        self._wait_max_s = wait_max_s
        self._sight: Sight | None = None
        self._flowed_at: float | None = None
        #: Entries a second, smoothed while they flow.
        self.drain_rate = 0.0
        self.active = False

    def observe(self, sight: Sight) -> None:
        """Look again; the moments are on one monotonic clock."""
        before, self._sight = self._sight, sight
        if before is not None and sight.at > before.at:
            self._measure(sight, max(0, sight.drained - before.drained) / (sight.at - before.at), before.at)
        share = max(sight.depth / self._depth_max, self.wait_s() / self._wait_max_s)
        self.active = share > (_RESUME_AT if self.active else 1)

    def wait_s(self) -> float:
        """How long a write that is accepted now would wait for its turn: as long as the one whose turn is next has
        waited, or what the drain needs for all that wait. While nothing flows, nothing is known of the drain."""
        seen = self._sight
        if seen is None:
            return 0.0
        predicted_s = seen.waiting / self.drain_rate if self.drain_rate > 0 else 0.0
        return max(seen.waiting_s, predicted_s)

    def numbers(self) -> dict[str, object]:
        """What was seen last, and what is allowed."""
        seen = self._sight
        return {
            "depth": seen.depth if seen else None,
            "depth_max": self._depth_max,
            "wait_s": round(self.wait_s(), 1) if seen else None,
            "wait_max_s": self._wait_max_s,
            "drained_per_s": round(self.drain_rate, 1),
        }

    def blind(self) -> None:
        """The stream cannot be seen: what takes writes will say so itself."""
        self._sight = None
        self.active = False

    def retry_after_s(self) -> int:
        """When the backlog is expected to be short enough; the longest when nothing is drained."""
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
            # After a standstill the first rate stands alone: the zeros before it say nothing about the drain.
            took_s = sight.at - since
            weight = min(1.0, took_s / _SMOOTHING_S) if self.drain_rate > 0 else 1.0
            self.drain_rate += weight * (rate - self.drain_rate)
            self._flowed_at = sight.at
        elif self._flowed_at is not None and sight.at - self._flowed_at >= _SMOOTHING_S:
            self.drain_rate = 0.0
