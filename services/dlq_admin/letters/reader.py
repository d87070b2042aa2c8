"""Reader: passes new dead letters from their stream to the indexer, a few batches at a time."""

import asyncio

from faststream import FastStream
from redis.asyncio import Redis

from holdfast.services.dlq_admin.letters.indexer import Indexer
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import DLQ_GROUP
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.queue.readings import Readings
from holdfast.shared.queue.subscribe import subscriber_app
from holdfast.shared.queue.watch import Watch
from holdfast.shared.resilience.supervise import stop
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_BATCHES_MAX = 2


class Reader:
    """Reads new dead letters. `loop` reads until SIGTERM, and knows whether it makes progress."""

    def __init__(self, redis: Redis, indexer: Indexer, settings: DlqAdminSettings) -> None:
        self._indexer = indexer
        self._settings = settings
        self._batches: set[asyncio.Task[None]] = set()
        self.loop = Readings(
            redis,
            Partitions(settings.queue_partitions),
            self._subscriber,
            lambda: self._batches,
            turn_max_s=settings.dlq_turn_max_s,
            probe_cap_s=settings.dlq_probe_cap_s,
        )

    def _subscriber(self, partition: Partition, watch: Watch) -> FastStream:
        settings = self._settings
        return subscriber_app(
            settings.redis_addr,
            partition.dead,
            DLQ_GROUP,
            settings.instance,
            self._begin,
            watch,
            batch_max=settings.dlq_batch_max,
            block_ms=settings.dlq_block_ms,
            timeout_s=settings.redis_timeout_s,
            partition=partition,
        )

    async def _begin(self, entries: list[Entry]) -> None:
        """Start a batch. Return when there is room for another one, or when no more are to be started."""
        task = asyncio.create_task(self._indexer.handle(entries))
        self._batches.add(task)
        task.add_done_callback(self._batch_done)
        while len(self._batches) >= _BATCHES_MAX and not self.loop.stopping:
            await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED, timeout=0.2)

    def _batch_done(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logs.error(Action.BATCH_FAILED, exc=error)  # its entries stay pending: the reclaim loop brings them back

    async def stop(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` for the batches in hand, then cancel them."""
        if self._batches:
            await asyncio.wait(self._batches, timeout=timeout_s)
        await stop(self._batches)
