"""Rate limit policy: how many requests of one kind a client may send, and how they are counted. Pure."""

from functools import lru_cache
from math import ceil
from typing import NamedTuple

_WINDOW_S = 60.0
#: A burst is as many requests as become available again in this time ...
_BURST_S = 10.0
#: ... and a lease from the common count as many as in this time, so that few requests wait for Redis.
_LEASE_S = 0.1


class RatePolicy:
    """A limit on requests. `name`: `reads` or `writes`; `per_min`: at least 1. Use `rate_policy`, which caches them."""

    def __init__(self, name: str, per_min: int) -> None:
        self.name, self.name_bytes = name, name.encode()
        self.per_min = per_min
        #: Names the count: each limit has its own.
        self.key = f"{name}:{per_min}"
        #: The time in which one request becomes available again.
        self.interval_s = _WINDOW_S / per_min
        #: Requests that may come at once.
        self.burst = max(1, int(_BURST_S / self.interval_s))
        #: Requests that a process leases at once.
        self.lease = max(1, int(_LEASE_S / self.interval_s))
        #: `RateLimit-Policy`: the burst, and the time in which all of it becomes available again, so that `r` never
        #: exceeds `q`, nor `t` exceeds `w`.
        window_s = whole_seconds(self.burst * self.interval_s)
        self.header = (b"ratelimit-policy", f'"{name}";q={self.burst};w={window_s}'.encode())


@lru_cache(maxsize=1024)
def rate_policy(name: str, per_min: int) -> RatePolicy | None:
    """Return the policy, or None for 0, which means no limit."""
    return RatePolicy(name, per_min) if per_min > 0 else None


class Grant(NamedTuple):
    """The result of taking from a count."""

    granted: int
    left: int
    #: Seconds until the whole burst is available again.
    whole_in_s: float
    #: Seconds until one more request is available; 0 if one is available now.
    next_in_s: float


def grant(policy: RatePolicy, whole_at: float, wanted: int, now: float) -> tuple[Grant, float]:
    """Take from this process's own count, as `rate_limit.lua` does. Return the grant and the next `whole_at`.

    `whole_at`: the time at which the whole burst is available again; `now` is on the same clock, in seconds.
    """
    interval, burst = policy.interval_s, policy.burst
    whole_at = max(now, whole_at)
    left = int((burst * interval - (whole_at - now)) / interval + 1e-6)
    granted = max(0, min(wanted, left))
    whole_at += granted * interval
    left = max(0, left - granted)
    next_in_s = 0.0 if left else max(0.0, whole_at - now - (burst - 1) * interval)
    return Grant(granted, left, whole_at - now, next_in_s), whole_at


def whole_seconds(seconds: float) -> int:
    """Round up to whole seconds for a header."""
    return max(0, ceil(seconds - 1e-6))
