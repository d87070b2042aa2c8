"""Rate limit policy: how many requests of one kind a client may send, and the pure form of counting them."""

from functools import lru_cache
from math import ceil
from typing import NamedTuple

_WINDOW_S = 60.0
#: So many seconds' worth may come at once ...
_BURST_S = 10.0
#: ... and this part of a second's worth is taken from the common count at once, so that few requests have to ask.
_LEASE_S = 0.1


class RatePolicy:
    """`name`: `reads` or `writes`; `per_min`: what comes back in a minute, at least 1. Get one from `rate_policy`."""

    def __init__(self, name: str, per_min: int) -> None:
        self.name = name
        self.per_min = per_min
        #: One request comes back in this time.
        self.interval_s = _WINDOW_S / per_min
        #: How many may come at once.
        self.burst = max(1, int(_BURST_S / self.interval_s))
        #: How many a process takes at once.
        self.lease = max(1, int(_LEASE_S / self.interval_s))
        #: For `RateLimit-Policy`.
        self.header = (b"ratelimit-policy", f'"{name}";q={per_min};w={_WINDOW_S:.0f}'.encode())


@lru_cache(maxsize=1024)
def rate_policy(name: str, per_min: int) -> RatePolicy | None:
    """None: no limit."""
    return RatePolicy(name, per_min) if per_min > 0 else None


class Grant(NamedTuple):
    """What a count has to say."""

    granted: int
    left: int
    #: Until the whole burst is there again.
    whole_in_s: float
    #: Until there is one more; 0: there is.
    next_in_s: float


def grant(policy: RatePolicy, whole_at: float, wanted: int, now: float) -> tuple[Grant, float]:
    """What `rate_limit.lua` does, for a count of our own: (what is granted, the next `whole_at`)."""
    interval, burst = policy.interval_s, policy.burst
    whole_at = max(now, whole_at)
    left = int((burst * interval - (whole_at - now)) / interval + 1e-6)
    granted = max(0, min(wanted, left))
    whole_at += granted * interval
    left = max(0, left - granted)
    next_in_s = 0.0 if left else max(0.0, whole_at - now - (burst - 1) * interval)
    return Grant(granted, left, whole_at - now, next_in_s), whole_at


def whole_seconds(seconds: float) -> int:
    """For headers: never less than it takes."""
    return max(0, ceil(seconds - 1e-6))
