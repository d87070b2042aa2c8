"""Backlog: looks at the write stream now and then, and knows whether another write may be added to it."""

import asyncio
import random
import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.backlog import backlog
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.resilience.backpressure import Backpressure, Sight
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.versions import Clock

_EVERY_S = 0.5
_JITTER = 0.2


class Backlog:
    """`run` looks, `refusal_s` answers without waiting for anything. `clock` learns what time the queue has."""

    def __init__(
        self,
        redis: Redis,
        clock: Clock,
        breaker: Breaker,
        *,
        depth_max: int,
        wait_max_s: float,
        partitions: Partitions = ONE,
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._clock = clock
        self._breaker = breaker
        self._reporter = FailureReporter("backlog")
        self._pressure = Backpressure(depth_max, wait_max_s)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._look()
            await asyncio.sleep(_EVERY_S)

    def refusal_s(self) -> int | None:
        """None: add it. Else the seconds after which to try again, not the same for everybody."""
        if not self._pressure.active:
            return None
        wait_s = self._pressure.retry_after_s()
        return round(wait_s * random.uniform(1, 1 + _JITTER))  # noqa: S311 - jitter, not a secret

    def numbers(self) -> dict[str, object]:
        """The last reading, for the response to a refused write."""
        return self._pressure.numbers()

    async def _look(self) -> None:
        before = self._pressure.active
        try:
            with self._reporter:
                seen = await self._breaker.call_async(backlog, self._redis, self._partitions)
        except (CallRefused, RedisError, OSError):
            self._pressure.blind()
        else:
            self._clock.follow(seen.now_us)
            self._pressure.observe(Sight(time.monotonic(), seen.depth, seen.waiting, seen.waiting_age_s, seen.drained))
        if before is not self._pressure.active:
            metrics.backpressure.set(self._pressure.active)
            logs.warning(
                Action.BACKPRESSURE_MOVED, active=self._pressure.active, drain_rate=round(self._pressure.drain_rate)
            )
