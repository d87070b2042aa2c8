"""Rate limit policy: how many requests of one kind a client may send, and how they are counted. Pure."""

from functools import lru_cache
from math import ceil
from typing import NamedTuple

_WINDOW_S = 60.0
#: A burst is what returns in this time ...
_BURST_S = 10.0
#: ... and a lease from the common count is what returns in this time, so that few requests wait for Redis.
_LEASE_S = 0.1


class RatePolicy:
    """A limit on requests. `name`: `reads` or `writes`; `per_min`: at least 1. Made by `rate_policy`, which caches."""

    def __init__(self, name: str, per_min: int) -> None:
        self.name, self.name_bytes = name, name.encode()
        self.per_min = per_min
        #: What is counted under it is counted apart.
        self.key = f"{name}:{per_min}"
        #: The time in which one request returns.
        self.interval_s = _WINDOW_S / per_min
        #: How many may come at once.
        self.burst = max(1, int(_BURST_S / self.interval_s))
        #: How many a process takes at once.
        self.lease = max(1, int(_LEASE_S / self.interval_s))
        #: `RateLimit-Policy`: the burst, and the time in which it returns, so that `r` never exceeds `q`, nor `t` `w`.
        window_s = whole_seconds(self.burst * self.interval_s)
        self.header = (b"ratelimit-policy", f'"{name}";q={self.burst};w={window_s}'.encode())


@lru_cache(maxsize=1024)
def rate_policy(name: str, per_min: int) -> RatePolicy | None:
    """The policy; None for 0, which is no limit."""
    return RatePolicy(name, per_min) if per_min > 0 else None


class Grant(NamedTuple):
    """The result of taking from a count."""

    granted: int
    left: int
    #: Until the whole burst is there again.
    whole_in_s: float
    #: Until there is one more; 0 if there is one now.
    next_in_s: float


def grant(policy: RatePolicy, whole_at: float, wanted: int, now: float) -> tuple[Grant, float]:
    """The algorithm of `rate_limit.lua`, for this process's own count. Returns (the grant, the next `whole_at`)."""
    interval, burst = policy.interval_s, policy.burst
    whole_at = max(now, whole_at)
    left = int((burst * interval - (whole_at - now)) / interval + 1e-6)
    granted = max(0, min(wanted, left))
    whole_at += granted * interval
    left = max(0, left - granted)
    next_in_s = 0.0 if left else max(0.0, whole_at - now - (burst - 1) * interval)
    return Grant(granted, left, whole_at - now, next_in_s), whole_at


def whole_seconds(seconds: float) -> int:
    """Whole seconds for a header, rounded up."""
    return max(0, ceil(seconds - 1e-6))
