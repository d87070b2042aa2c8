"""Versions: the order of acceptance as one number.

A version is a count of microseconds since the Unix epoch, made strictly increasing at acceptance (a hybrid
logical clock). It is the id of the write's stream entry in another notation: `ms-us`, where `us` < 1000.
It stays below 2**53 until the year 2255, so Lua, JSON and JavaScript hold it exactly.
"""

import time
from datetime import UTC, datetime

_US_PER_MS = 1000

#: Every version is below. Lua, JSON and JavaScript hold it exactly.
VERSION_MAX = 2**53

#: An entry's id further ahead of the clock was made up; as in `clock.lua`, which says why.
HORIZON_US = 86_400_000_000


def from_stream_id(stream_id: str) -> int:
    """`"1764000000123-45"` -> `1764000000123045`."""
    ms, _, us = stream_id.partition("-")
    return int(ms) * _US_PER_MS + int(us)


def to_stream_id(version: int) -> str:
    """The other way: the entry that was given this version."""
    ms, us = divmod(version, _US_PER_MS)
    return f"{ms}-{us}"


def to_datetime(version: int) -> datetime:
    """When the write was accepted, in UTC."""
    return datetime.fromtimestamp(version / 1_000_000, UTC)


def from_id(uuid: str) -> int | None:
    """When an id that sorts by time (version 7) was made; None: it is of another kind."""
    return int(uuid[:8] + uuid[9:13], 16) * _US_PER_MS if len(uuid) == 36 and uuid[14] == "7" else None


def wall_clock() -> int:
    """The version that this machine's clock would give now."""
    return time.time_ns() // 1000


def _uptime_us() -> int:
    return time.monotonic_ns() // 1000


class Clock:
    """One process's view of versions: never behind a version it has seen.

    A write accepted while Redis is away takes its version here, so that it stays comparable with the writes
    that Redis numbered before; the highest version seen is handed back to Redis as a floor.

    Two processes whose wall clocks differ would give one user's writes versions in the wrong order. So the queue's
    clock counts, from when it was last seen, by a clock that nobody can set; the wall clock only before that.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._queue_ahead_us: int | None = None

    def follow(self, queue_us: int) -> None:
        """The queue's clock says so now."""
        self._queue_ahead_us = queue_us - _uptime_us()

    def _now(self) -> int:
        return wall_clock() if self._queue_ahead_us is None else _uptime_us() + self._queue_ahead_us

    def observe(self, version: int) -> None:
        """Remember a version that another process gave out."""
        self.seen = max(self.seen, version)

    def next(self) -> int:
        """A version above every one seen. Raises OverflowError when none is left."""
        version = max(self.seen + 1, self._now())
        if version >= VERSION_MAX:
            raise OverflowError("no version is left below 2**53")
        self.seen = version
        return version
