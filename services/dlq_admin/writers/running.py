"""Running: the builds that handle writes now, and which writers are halted, asked for at most every few seconds."""

import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.halts import HaltReport, Halts
from holdfast.shared.queue.presence import running_builds
from holdfast.shared.resilience.failure_reporter import FailureReporter

_FRESH_S = 1.0


class Running:
    """Empty when no writer has reported lately, or the queue does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._halts = Halts(redis)
        self._reporter = FailureReporter("running")
        self._builds: Mapping[str, str] = {}
        self._halted: Mapping[str, HaltReport] = {}
        self._asked_at = float("-inf")

    async def builds(self) -> Mapping[str, str]:
        """Writer -> build, as of a moment ago."""
        await self._look()
        return self._builds

    async def halted(self) -> Mapping[str, HaltReport]:
        """Writer -> why, as of a moment ago."""
        await self._look()
        return self._halted

    async def _look(self) -> None:
        if time.monotonic() - self._asked_at > _FRESH_S:
            try:
                with self._reporter:
                    self._builds, self._halted = await running_builds(self._redis), await self._halts.read()
            except (RedisError, OSError):
                self._builds, self._halted = {}, {}
            self._asked_at = time.monotonic()
