"""Epochs: notices that the queue lost some of its memory, says so once, and lets the ledger balance from there."""

from dataclasses import replace

from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor.ledger import read_ledger, reading_at
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.queue.memory import MemoryReader
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.store import epochs
from holdfast.shared.store.reads import newest_version
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Cause, Epoch, Memory, change
from holdfast.shared.writes.ledger import Ledger


class Epochs:
    """`ledger` reads the ledger in the epoch that it belongs to."""

    def __init__(
        self, redis: Redis, database: Database, replicas: Replicas | None, partitions: Partitions = ONE
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._database = database
        self._memory = MemoryReader(redis, replicas, partitions)

    async def ledger(self) -> Ledger:
        """Look at the queue, begin an epoch if it lost its memory, read the ledger, and keep what was seen. Raises what
        a store away raises."""
        known = await self._database.audit(epochs.all_epochs)
        memory = await self._memory.read(known[-1].look + 1 if known else 1)
        if memory is None:
            return await self._read()
        if not known:
            await self._begin(_begun(memory, 1, Cause.FIRST))
        elif cause := change(known[-1], memory):
            await self._begin(await self._after(known, memory, cause))
        ledger = await self._read()
        await self._keep(memory, ledger)
        return ledger

    async def _read(self) -> Ledger:
        return await read_ledger(self._redis, self._database.engine, self._database.auditing, self._partitions)

    async def _keep(self, memory: Memory, ledger: Ledger) -> None:
        """Only a reading that balances says what was accepted, and only what replicas have may not be forgotten."""
        if ledger.missing == 0 and memory.safe:
            seen = {"accepted": ledger.queued, "entries": ledger.entries, "newest": ledger.cut}
            oldest = ledger.cut if memory.oldest is None else min(memory.oldest, ledger.cut)
            await self._database.audit(epochs.keep, ledger.epoch, memory.look, {**seen, "oldest": oldest})

    async def _after(self, known: list[Epoch], memory: Memory, cause: Cause) -> Epoch:
        """The epoch that begins. What is gone of the writes that were seen is counted; what was accepted after the last
        look was never seen, and is only within the window."""
        last, lost_before = known[-1], sum(each.lost for each in known)
        there = await self._accounted(last.newest)
        # What had been lost may be back; no more than that, or a letter is counted whose entry came back.
        lost = max(-lost_before, last.accepted - lost_before - there)
        floor = max(last.newest, await self._database.audit(newest_version))
        carried = await self._uncounted(floor)
        began = _begun(memory, last.epoch + 1, cause, floor)
        all_there = cause is Cause.MOVED and not lost
        lost_from = (last.newest if all_there else last.oldest) or last.began  # 0: there had never been a write
        return replace(began, lost=lost, lost_from=lost_from, carried=carried + lost)

    async def _begin(self, epoch: Epoch) -> None:
        if not await self._database.audit(epochs.begin, epoch) or epoch.cause is Cause.FIRST:
            return
        metrics.queue_epochs.labels(epoch.cause.value).inc()
        report = logs.error if epoch.lost or epoch.cause is not Cause.MOVED else logs.warning
        report(
            Action.QUEUE_EPOCH_BEGAN,
            epoch=epoch.epoch,
            cause=epoch.cause.value,
            lost=epoch.lost,
            lost_from=versions.to_datetime(epoch.lost_from).isoformat(),
            lost_to=versions.to_datetime(epoch.began).isoformat(),
        )

    async def _reading(self, cut: int | None = None, floor: int = 0) -> Ledger:
        database = self._database
        return await reading_at(self._redis, database.engine, database.auditing, cut, floor, self._partitions)

    async def _accounted(self, cut: int) -> int:
        """Writes that came through the queue up to a version, and of which something is known."""
        ledger = await self._reading(cut=cut)
        return ledger.accounted - ledger.lost - ledger.direct - ledger.imported

    async def _uncounted(self, floor: int) -> int:
        """Writes, lost ones included, that the queue's own counts miss now."""
        ledger = await self._reading(floor=floor)
        return ledger.accounted - ledger.direct - ledger.imported - (ledger.queued - ledger.carried)


def _begun(memory: Memory, epoch: int, cause: Cause, floor: int = 0) -> Epoch:
    """An epoch in which nothing was seen yet; this look is kept with the first reading that balances."""
    began = max(memory.newest, floor, versions.wall_clock())
    return Epoch(
        epoch=epoch,
        cause=cause,
        began=began,
        carried=0,
        lost=0,
        lost_from=0,
        floor=floor,
        identity=memory.identity,
        look=memory.look - 1,
        accepted=0,
        entries=0,
        oldest=began if memory.oldest is None else memory.oldest,
        newest=memory.newest,
    )
