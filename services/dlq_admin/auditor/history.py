"""History: counts ended operations once, and removes what is older than the horizon, tombstones included.

Both work in steps of a few hundred rows, each followed by a pause as long as the step, so that no other transaction
waits long. Any number of replicas may do so at once. A round that runs out of time continues in the next one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.letters.retention import history as purging
from holdfast.shared.letters.retention import tombstones
from holdfast.shared.queue.memory import MemoryReader
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.queue.snapshot import may_return, snapshot
from holdfast.shared.store.closing import close
from holdfast.shared.store.reads import newest_version
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions
from holdfast.shared.writes.horizon import Waiting, horizon

#: Rows per transaction.
STEP_ROWS = 500
_ROUND_S = 5.0
#: A partition without an entry for this long, in which another partition had some, is idle.
_IDLE_US = 600_000_000
_PURGE_EVERY_S = 10.0
#: How often the purge starts over, for rows that were old enough at the last pass but had ended too late.
_FROM_THE_START_S = 3600.0


class History:
    """Counts and purges history. `probes` are for the auditor."""

    def __init__(
        self,
        redis: Redis,
        database: Database,
        *,
        every_s: float,
        keep_s: float,
        tombstones_keep_s: float,
        key_lifetime_s: float,
        partitions: Partitions = ONE,
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._memory = MemoryReader(redis, partitions=partitions)
        self._database = database
        self._keep_s = keep_s
        self._tombstones_keep_s = tombstones_keep_s
        self._key_lifetime_s = key_lifetime_s
        self._after = 0
        self._began_s = time.monotonic()
        self.probes = (
            Probe("operations", self.close, every_s=every_s, share_max=1),
            Probe("horizon", self.purge, every_s=_PURGE_EVERY_S, share_max=1),
        )

    async def close(self) -> None:
        """Close the ended operations that a reading beginning now would count in every partition. An idle partition,
        whose newest id is old, would hold back the others, so its newest id is raised to the current time."""
        cuts = (await snapshot(self._redis, self._partitions)).cuts
        if min(max(cuts), versions.wall_clock()) - min(cuts) > _IDLE_US:
            await self._memory.end_versions(await self._database.work(newest_version), max(cuts))
            cuts = (await snapshot(self._redis, self._partitions)).cuts
        await _in_steps(lambda: self._database.work(close, min(cuts), STEP_ROWS))

    async def purge(self) -> None:
        """Move the horizon, then remove what is older."""
        await self._move_horizon()
        if time.monotonic() - self._began_s > _FROM_THE_START_S:
            self._after, self._began_s = 0, time.monotonic()
        operations = await _in_steps(self._purge_operations)
        releases = await _in_steps(lambda: self._database.work(purging.purge_releases, STEP_ROWS))
        deleted = sum([await self._purge_tombstones(resource) for resource in domain().resources])
        if operations or releases or deleted:
            logs.info(Action.HISTORY_PURGED, operations=operations, releases=releases, tombstones=deleted)

    async def _move_horizon(self) -> None:
        # Read in the order in which a write moves, so that every write is seen before or after a move.
        entry, unindexed = await may_return(self._redis, self._partitions)
        if unindexed:
            return  # the age of unindexed letters is not known yet
        kept = await self._database.work(purging.look)
        to = horizon(
            versions.wall_clock(),
            kept.newest,
            Waiting(entry, kept.oldest_letter),
            keep_s=self._keep_s,
            key_lifetime_s=self._key_lifetime_s,
        )
        if to > kept.purged_to:
            await self._database.work(purging.advance, to)

    async def _purge_operations(self) -> int:
        gone, after = await self._database.work(purging.purge_operations, self._after, STEP_ROWS)
        if after is not None:
            self._after = after
        return gone

    async def _purge_tombstones(self, resource: ResourceType) -> int:
        async def step() -> int:
            now, keep_s = versions.wall_clock(), self._tombstones_keep_s
            gone = await self._database.work(tombstones.purge, resource, now, keep_s, STEP_ROWS)
            metrics.tombstones_purged.inc(gone)
            return gone

        return await _in_steps(step)


async def _in_steps(step: Callable[[], Awaitable[int]]) -> int:
    """Repeat a step until it finds fewer rows than it may take, or the round is over. Return the number of rows."""
    end, rows = time.monotonic() + _ROUND_S, 0
    while True:
        began = time.monotonic()
        taken = await step()
        rows += taken
        if taken < STEP_ROWS or time.monotonic() > end:
            return rows
        await asyncio.sleep(time.monotonic() - began)
