"""Shed limit: how many requests may be in flight at once: as many as end in time. Pure: the time is an argument.

The limit grows while requests end well within their time and there is use for more, and shrinks when too many of them
take as long as a dependency that does not answer. So requests that all fail after the same timeout shrink the limit,
although their latency is perfectly stable; a batch that is slow because many requests share one round trip does not.
"""

from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """The parameters of a limit. A request that took `slow_s` seconds or more counts as lost, however it ended."""

    slow_s: float
    lowest: int = 8
    #: Also the initial limit: a limit that is too high is corrected within a second, and one that is too low would
    #: refuse requests without need after every start.
    highest: int = 256
    window_s: float = 1.0
    samples_min: int = 50
    #: If more than the share `slow_share` of the requests were slow, the limit shrinks to the share `shrink_to` of
    #: itself; else it may grow by the share `grow_by` of `highest`.
    slow_share: float = 0.1
    shrink_to: float = 0.7
    grow_by: float = 0.1


class Limit:
    """One lane's limit."""

    def __init__(self, policy: LimitPolicy, now: float) -> None:
        self.policy = policy
        self.value = policy.highest
        self._since = now
        self._samples = 0
        self._slow = 0
        self._peak = 0

    def ended(self, took_s: float, in_flight: int, now: float) -> None:
        """Record that a request took `took_s` seconds, as one of `in_flight`."""
        self._samples += 1
        if took_s >= self.policy.slow_s:
            self._slow += 1
        if in_flight > self._peak:
            self._peak = in_flight
        # At a low limit few requests end in a second, and they are enough to show that the limit is too low.
        if now - self._since >= self.policy.window_s and self._samples >= min(self.policy.samples_min, self.value):
            self._adjust()
            self._since = now
            self._samples = self._slow = self._peak = 0

    def _adjust(self) -> None:
        policy = self.policy
        if self._slow > policy.slow_share * self._samples:
            self.value = max(policy.lowest, int(self.value * policy.shrink_to))
        elif self._peak >= self.value / 2:  # with fewer requests, nothing is known about a higher limit
            self.value = min(policy.highest, self.value + ceil(policy.grow_by * policy.highest))
