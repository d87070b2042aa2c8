"""Tried: keeps the last what-if of a whole group for a while, so that advice can be based on it.

| key                             | type   | holds                                              |
|---------------------------------|--------|----------------------------------------------------|
| `holdfast:what_if:<fingerprint>`| string | its time, the number of letters, and the verdicts  |

The keys are in the cache Redis, for all replicas. While the cache Redis is down, no what-if is known.
"""

import orjson
from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.letters.models import GroupWhatIf
from holdfast.shared.resilience.failure_reporter import FailureReporter

_KEY = "holdfast:what_if:"
_KEPT_S = 900
_STORED = TypeAdapter(GroupWhatIf)


class Tried:
    """The last what-ifs of whole groups."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._keeping, self._asking = FailureReporter("what_if_kept"), FailureReporter("what_if_asked")

    async def keep(self, fingerprint: str, result: GroupWhatIf) -> None:
        """Keep a what-if, which replaces the group's earlier one."""
        with self._keeping.suppressing(RedisError, OSError):
            await self._cache.set(_KEY + fingerprint, orjson.dumps(result.model_dump()), ex=_KEPT_S)

    async def of(self, fingerprint: str) -> GroupWhatIf | None:
        """Return the group's last what-if, or None if there is none or it cannot be read."""
        try:
            with self._asking:
                stored = await self._cache.get(_KEY + fingerprint)
            return None if stored is None else _STORED.validate_json(stored)
        except (RedisError, OSError, ValueError):
            return None
