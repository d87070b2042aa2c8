"""Versions: the order of acceptance as one number.

A version is a count of microseconds since the Unix epoch, made strictly increasing at acceptance (a hybrid
logical clock). It equals the id of the write's stream entry in another notation: `ms-us`, where `us` < 1000.
It stays below 2**53 until the year 2255, so Lua, JSON and JavaScript hold it exactly.
"""

import time
from datetime import UTC, datetime

_US_PER_MS = 1000

#: Every version is below this number. Lua, JSON and JavaScript hold such numbers exactly.
VERSION_MAX = 2**53

#: An entry whose id is further ahead of the clock than this was added by hand; the reason is in `clock.lua`.
HORIZON_US = 86_400_000_000


def from_stream_id(stream_id: str) -> int:
    """Return the version of a stream id: `"1764000000123-45"` -> `1764000000123045`."""
    ms, _, us = stream_id.partition("-")
    return int(ms) * _US_PER_MS + int(us)


def to_stream_id(version: int) -> str:
    """Return the stream id of a version: `1764000000123045` -> `"1764000000123-45"`."""
    ms, us = divmod(version, _US_PER_MS)
    return f"{ms}-{us}"


def to_datetime(version: int) -> datetime:
    """Return the time of a version, in UTC: for a write, when it was accepted."""
    return datetime.fromtimestamp(version / 1_000_000, UTC)


def from_id(uuid: str) -> int | None:
    """Return when a time-ordered UUID (version 7) was made, as a version, or None for any other id."""
    return int(uuid[:8] + uuid[9:13], 16) * _US_PER_MS if len(uuid) == 36 and uuid[14] == "7" else None


def wall_clock() -> int:
    """Return this machine's time as a version."""
    return time.time_ns() // 1000


def _uptime_us() -> int:
    return time.monotonic_ns() // 1000


class Clock:
    """Gives out versions in one process, always above every version that the process has seen.

    A write that is accepted while Redis is down takes its version here, so that the version is comparable with those
    that Redis gave out before. The highest version seen is later passed to Redis as a floor.

    Two processes whose wall clocks differ would give one user's writes versions in the wrong order. So the time is the
    queue's, continued by the monotonic clock since it was last seen; the wall clock counts only before that.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._ahead_us: dict[int, int] = {}

    def follow(self, queue_us: int, partition: int = 0) -> None:
        """Take `queue_us`, the time of a partition of the queue in microseconds, as that partition's current time. The
        partition that is furthest ahead counts, even while it is away: it may hold earlier writes of any entity."""
        self._ahead_us[partition] = queue_us - _uptime_us()

    def _now(self) -> int:
        return _uptime_us() + max(self._ahead_us.values()) if self._ahead_us else wall_clock()

    def observe(self, version: int) -> None:
        """Remember a version that another process gave out."""
        self.seen = max(self.seen, version)

    def next(self) -> int:
        """Return a version above every version seen. Raises OverflowError if no version is left."""
        version = max(self.seen + 1, self._now())
        if version >= VERSION_MAX:
            raise OverflowError("no version is left below 2**53")
        self.seen = version
        return version
