"""Heartbeat: every few seconds one api accepts a write that changes nothing, in the same way as any other write. How
far the newest heartbeat has come shows how fresh each stage of the pipeline is.

No heartbeat is added to a queue that is stuck: none while the backlog refuses writes, and none while an earlier
heartbeat has been pending for too long.
"""

import asyncio
import time
from typing import Never

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.accept_parts import Accepting
from holdfast.services.api.backlog import Backlog
from holdfast.services.api.candidate import Candidate
from holdfast.shared.errors import AppError
from holdfast.shared.queue.names import HEARTBEAT
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.queue.pending import oldest_pending
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import metrics
from holdfast.shared.writes.commands import HEARTBEAT_ID, HEARTBEATS, Heartbeat, Ref, heartbeat_id

#: Heartbeats are added for this long behind one that is not applied: they show that acceptance still works.
_STUCK_S = 60.0
#: The mark of a heartbeat, which all apis look at, expires at this share of the interval: before the next one is due.
_MARK_SHARE = 0.9
_ENTITY = Ref(HEARTBEATS.plural, HEARTBEAT_ID)


class Heartbeats:
    """Adds a heartbeat every `every_s` seconds, or none at all if that is 0. All apis share the work."""

    def __init__(
        self, redis: Redis, acceptor: Accepting, backlog: Backlog, *, every_s: float, partitions: Partitions = ONE
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._acceptor = acceptor
        self._backlog = backlog
        self._every_s = every_s
        self._reporter = FailureReporter("heartbeat")

    async def run(self) -> Never:
        """Add heartbeats until cancelled."""
        if not self._every_s:
            await asyncio.Event().wait()
        metrics.heartbeat.labels("accepted").set_to_current_time()  # so that it becomes stale even if none is accepted
        while True:
            with self._reporter.suppressing(RedisError, OSError, AppError):
                await self.beat()
            await asyncio.sleep(self._every_s)

    async def beat(self) -> bool:
        """Add a heartbeat if one is due. Return whether this process added it. Raises RedisError, OSError, AppError."""
        if self._backlog.refusal_s(HEARTBEAT_ID) is not None or await self._stuck():
            return False
        if not await self._redis.set(HEARTBEAT, "1", nx=True, px=int(self._every_s * 1000 * _MARK_SHARE)):
            return False
        candidate = Candidate(heartbeat_id(time.time()), HEARTBEAT_ID, Heartbeat())
        answer = await self._acceptor.accept(candidate)
        metrics.heartbeat.labels("accepted").set(answer.version / 1_000_000)
        return True

    async def _stuck(self) -> bool:
        oldest = (await oldest_pending(self._redis, [_ENTITY], self._partitions)).get(_ENTITY)
        return oldest is not None and time.time() - oldest / 1_000_000 > _STUCK_S
