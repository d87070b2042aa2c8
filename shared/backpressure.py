"""Backpressure: whether the backlog is too long to take more, and when it may be short enough again. Pure."""

from math import ceil
from typing import NamedTuple

_RESUME_AT = 0.7
_SMOOTHING_S = 10.0
_RETRY_AFTER_S = (1, 30)


class Sight(NamedTuple):
    """The stream at one moment."""

    at: float
    depth: int
    oldest_age_s: float
    #: Entries that ever left the stream.
    drained: int


class Backpressure:
    """Begins above `depth_max` entries or `age_max_s` seconds, and ends when both are below 70 % of that."""

    def __init__(self, depth_max: int, age_max_s: float) -> None:
        self._depth_max = depth_max
        self._age_max_s = age_max_s
        self._sight: Sight | None = None
        #: Entries a second, smoothed.
        self.drain_rate = 0.0
        self.active = False

    def observe(self, sight: Sight) -> None:
        """Look again; the moments are on one monotonic clock."""
        before, self._sight = self._sight, sight
        if before is not None and sight.at > before.at:
            took_s = sight.at - before.at
            rate = max(0, sight.drained - before.drained) / took_s
            weight = min(1.0, took_s / _SMOOTHING_S)
            self.drain_rate += weight * (rate - self.drain_rate)
        share = max(sight.depth / self._depth_max, sight.oldest_age_s / self._age_max_s)
        self.active = share > (_RESUME_AT if self.active else 1)

    def numbers(self) -> dict[str, object]:
        """What was seen last, and what is allowed."""
        seen = self._sight
        return {
            "depth": seen.depth if seen else None, "depth_max": self._depth_max,
            "oldest_age_s": round(seen.oldest_age_s, 1) if seen else None, "age_max_s": self._age_max_s,
            "drained_per_s": round(self.drain_rate, 1),
        }  # fmt: skip

    def blind(self) -> None:
        """The stream cannot be seen: what takes writes will say so itself."""
        self._sight = None
        self.active = False

    def retry_after_s(self) -> int:
        """When the backlog is expected to be short enough; the longest when nothing is drained."""
        least, most = _RETRY_AFTER_S
        if self._sight is None or self.drain_rate <= 0:
            return most
        excess = self._sight.depth - _RESUME_AT * self._depth_max
        return min(most, max(least, ceil(excess / self.drain_rate)))
