"""Reports: hashes in which processes report about themselves, each value as `unix_s text`. Times are by Redis' clock,
so that no two machines' clocks are compared."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text

_REPORT = re.compile(r"([0-9]{1,12}) (.+)", re.DOTALL)


class Reports(NamedTuple):
    """The values of a hash, by name, as of `now_s`, in Unix seconds."""

    values: Mapping[str, str]
    now_s: int

    def within(self, age_s: float) -> dict[str, str]:
        """Return name -> text, sorted by name, of the reports of the last `age_s` seconds. A value of another form,
        as put there by hand, is left out."""
        found = {name: _REPORT.fullmatch(value) for name, value in sorted(self.values.items())}
        return {name: each[2] for name, each in found.items() if each and abs(self.now_s - int(each[1])) <= age_s}


async def reports(redis: Redis, key: str) -> Reports:
    """Return the reports in a hash. Raises RedisError, OSError."""
    seconds, _ = await redis.time()
    found = await redis.hgetall(key)
    return Reports({text(name): text(value) for name, value in found.items()}, seconds)
