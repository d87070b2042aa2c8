"""Backlog: reads the state of the write stream every half second, and decides whether another write may be added."""

import asyncio
import random
import time
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.backlog import StreamBacklog, backlog
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
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
    """The backlog of the write stream: `run` reads it, and `refusal_s` answers from the last reading without I/O.

    Each reading also sets `clock` to the queue's time, and above the newest version on the queue.
    """

    def __init__(
        self,
        redis: Redis,
        clock: Clock,
        queue: Sequence[Breaker],
        *,
        depth_max: int,
        wait_max_s: float,
        partitions: Partitions = ONE,
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._clock = clock
        self._queue = queue
        self._reporters = [FailureReporter("backlog") for _ in partitions]
        self._pressures = [Backpressure(depth_max, wait_max_s) for _ in partitions]

    async def run(self) -> None:
        """Read the backlog every half second until cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(_EVERY_S)

    def refusal_s(self, entity_id: str) -> int | None:
        """Return None if a write to this entity may be added, else the seconds after which to retry, with jitter."""
        pressure = self._pressure(entity_id)
        if not pressure.active:
            return None
        wait_s = pressure.retry_after_s()
        return round(wait_s * random.uniform(1, 1 + _JITTER))  # noqa: S311 - jitter, not a secret

    def numbers(self, entity_id: str) -> dict[str, object]:
        """Return the last reading, for the response to a refused write."""
        return self._pressure(entity_id).numbers()

    def _pressure(self, entity_id: str) -> Backpressure:
        return self._pressures[self._partitions.of(entity_id).number]

    @property
    def _active(self) -> bool:
        return any(pressure.active for pressure in self._pressures)

    async def _look(self) -> None:
        before = self._active
        seen = await asyncio.gather(*map(self._of, self._partitions))
        depth = sum(one.depth for one in seen if one)
        for partition, pressure, one in zip(self._partitions, self._pressures, seen, strict=True):
            if one is None:
                pressure.blind()
                continue
            self._clock.follow(one.now_us, partition.number)
            self._clock.observe(one.newest)
            # The depth is limited over all partitions together; a write waits only for those before it in its own.
            pressure.observe(Sight(time.monotonic(), depth, one.waiting, one.waiting_age_s, one.drained))
        if before is not self._active:
            metrics.backpressure.set(self._active)
            drain_rate = sum(pressure.drain_rate for pressure in self._pressures)
            logs.warning(Action.BACKPRESSURE_MOVED, active=self._active, drain_rate=round(drain_rate))

    async def _of(self, partition: Partition) -> StreamBacklog | None:
        """Return the partition's backlog, or None if the partition is away. Writes to it then go to the database."""
        try:
            with self._reporters[partition.number]:
                return await self._queue[partition.number].call_async(backlog, self._redis, [partition])
        except (CallRefused, RedisError, OSError):
            return None
