"""Running: the builds that handle writes now, asked for at most every few seconds."""

import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.queue.presence import running_builds

_FRESH_S = 2.0


class Running:
    """Writer -> build. Empty when nobody is heard of, or the queue does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._known: Mapping[str, str] = {}
        self._asked_at = float("-inf")

    async def builds(self) -> Mapping[str, str]:
        """As of a moment ago."""
        if time.monotonic() - self._asked_at > _FRESH_S:
            try:
                self._known = await running_builds(self._redis)
            except (RedisError, OSError):
                self._known = {}
            self._asked_at = time.monotonic()
        return self._known
