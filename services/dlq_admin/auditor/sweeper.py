"""Sweeper: releases claims of unique values that no write holds any more, in a queue with several partitions. Either
the write was never accepted after its claim, or the release did not arrive."""

from collections.abc import Sequence
from itertools import chain

from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import NotSent
from holdfast.shared.domain.registry import domain
from holdfast.shared.letters.find.whole import open_operations
from holdfast.shared.queue.asking import Answers, ask_each
from holdfast.shared.queue.claims import Change, Claims, Kept, overdue
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.store.counts import ended_versions
from holdfast.shared.telemetry import metrics

_EVERY_S = 10.0
_PAGE = 500


class Sweeper:
    """Releases such claims. `probes` are for the auditor; there are none with a single partition, where accept.lua
    claims and settle.lua releases."""

    def __init__(
        self, redis: Redis, database: Database, partitions: Partitions, replicas: Replicas | None = None
    ) -> None:
        self._redis = redis
        self._database = database
        self._partitions = partitions
        self._claims = Claims(redis, partitions, replicas)
        self.probes = (Probe("claims", self.sweep, every_s=_EVERY_S),) if len(partitions) > 1 else ()

    async def sweep(self) -> None:
        """Check all claims in the partitions that answer. If a store is down, raises its error after the claims of the
        others are done."""
        swept = await ask_each(self._partitions, self._sweep)
        for unknown in swept.complete().values():
            unknown.complete()

    async def _sweep(self, partition: Partition) -> Answers[list[Kept]]:
        """Check the claims of one partition's values. The result names the partitions that did not answer and whose
        writes may hold some of the claims."""
        names = [field.unique.claims for each in domain().resources for field in each.unique if field.unique]
        asked: Answers[list[Kept]] = Answers({}, {})
        for name in names:
            async for page in overdue(self._redis, partition, name, _PAGE):
                # Read in the order in which a write moves, so that every write is seen before or after a move.
                answers = await self._not_in_the_queue(page)
                asked.away.update(answers.away)
                await self._take_away(list(chain.from_iterable(answers.of.values())))
        return asked

    async def _take_away(self, doubtful: Sequence[Kept]) -> None:
        if not doubtful:
            return
        ids = sorted({kept.operation_id for kept in doubtful})
        dead = await self._database.audit(open_operations, ids)
        ended = await self._database.audit(ended_versions, ids)
        changes = [
            Change(
                "release", ended.get(each.operation_id, 0), each.entity_id, each.operation_id, each.value, each.until
            )
            for each in doubtful
            if each.operation_id not in dead
        ]
        try:
            await self._claims.change(changes)
        except NotSent as error:
            raise ConnectionError("no connection to the queue") from error
        metrics.claims_swept.inc(len(changes))

    async def _not_in_the_queue(self, overdue_: Sequence[Kept]) -> Answers[list[Kept]]:
        """Return the claims whose write the queue does not hold, by partition. A write belongs to its entity's
        partition; while that partition is down, the write's claims stay."""
        parts = self._partitions.split((kept.entity_id, kept) for kept in overdue_)

        async def ask(partition: Partition) -> list[Kept]:
            pipeline = self._redis.pipeline(transaction=False)
            for kept in parts[partition]:
                pipeline.exists(partition.operation(kept.operation_id))
            there = await pipeline.execute()
            return [kept for kept, known in zip(parts[partition], there, strict=True) if not known]

        return await ask_each(parts, ask)
