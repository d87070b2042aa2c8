"""Epochs: detects that the queue lost part of its memory, reports that once, and lets the ledger balance from there."""

from dataclasses import replace

from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor.ledger import read_ledger, reading_at
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.queue.memory import MemoryReader
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.store import epochs
from holdfast.shared.store.reads import newest_version
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Cause, Epoch, Memory, Window, change, reaching
from holdfast.shared.writes.ledger import Ledger
from holdfast.shared.writes.versions import VERSION_MAX

#: Attempts to get a pair of readings between which no seen write ended; after these, the last pair is used.
_TRIES = 10
#: If the queue loses memory again within this time, a writer may still hold entries from before the first loss.
_IN_HAND_US = 3_600_000_000
_MOVED = "the queue moved while the ledger was read"
_MAY_BE_OLD = "too few replicas have what the queue holds: it may be an old primary"


class Epochs:
    """Detects the epoch of the queue. `ledger` reads the ledger in that epoch."""

    def __init__(
        self, redis: Redis, database: Database, replicas: Replicas | None, partitions: Partitions = ONE
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._database = database
        self._memory = MemoryReader(redis, replicas, partitions)

    async def ledger(self) -> Ledger:
        """Look at the queue, begin an epoch if the queue lost memory, read the ledger, and save what was seen. Raises
        the error of a store that is down, TooFewReplicas if the server that answered may be an old primary, and Clash
        if another dlq_admin has just begun the epoch."""
        known = await self._database.audit(epochs.all_epochs)
        memory = await self._memory.read(known[-1].oldest if known else 0)
        epoch = known[-1] if known else _begun(memory, 1, Cause.FIRST)
        cause = change(epoch, memory)
        if cause and not memory.safe and memory.identity != epoch.identity:
            raise TooFewReplicas(_MAY_BE_OLD, None)
        if cause:
            epoch = await self._after(known, memory, cause)
        if not known:  # so that each partition can accept its first write without the database, too
            await self._end_versions(memory.newest)
        if cause or not known:
            await self._begin(epoch)
        ledger = await self._read()
        # Above every number that an earlier memory of the queue holds: if such a memory returns, it lacks what came
        # since.
        look = max([memory.latest, *(each.look for each in known)]) + 1
        await self._keep(epoch, memory, ledger, 0 if ledger.missing else look)
        return ledger

    async def _read(self, window: Window | None = None) -> Ledger:
        database = self._database
        return await read_ledger(self._redis, database.engine, database.auditing, self._partitions, window)

    async def _keep(self, epoch: Epoch, before: Memory, ledger: Ledger, look: int) -> None:
        """Save what was seen, if the ledger balances and replicas have it: otherwise the number of accepted writes is
        uncertain or may still be lost. `look`: the number of this look, or 0 to save nothing. The number is written to
        the queue after everything was counted, and only where the servers and streams are those that were counted, so a
        queue that remembers it has all that was counted. Nothing is saved if another stream is there by now, or if
        another dlq_admin has just written the same number or a greater one. Raises ConnectionError if the counts of the
        queue and of the database belong to two epochs, and TooFewReplicas if the imbalance may be that of an old
        primary."""
        if ledger.epoch != epoch.epoch:
            raise ConnectionError(_MOVED)
        memory = await self._memory.read(look=look, places=before.places)
        if memory.identity != before.identity:
            raise ConnectionError(_MOVED)
        if ledger.missing and not memory.safe:
            raise TooFewReplicas(_MAY_BE_OLD, None)
        if look and memory.safe and memory.latest < look and memory.places == before.places:
            seen = {"accepted": ledger.queued, "entries": ledger.entries, "newest": ledger.cut}
            oldest = ledger.cut if before.oldest is None else min(before.oldest, ledger.cut)
            seen |= {"oldest": oldest, "late": _late(ledger, oldest)}
            await self._database.audit(epochs.keep, ledger.epoch, look, seen, ledger.known)

    async def _after(self, known: list[Epoch], memory: Memory, cause: Cause) -> Epoch:
        """Make the epoch that begins. Seen writes that are gone are counted as lost, unless the queue remembers all of
        the last look. Writes accepted after that look were never seen; they are only covered by the window."""
        last, lost_before = known[-1], sum(each.lost for each in known)
        floor = await self._end_versions(max(memory.newest, last.newest))
        since = last.oldest or last.began  # 0: there had never been a write
        if last.known_seen >= 0 and floor < last.floor + _IN_HAND_US:
            since = min(since, last.lost_from)
        window = reaching(known, since, last.newest, floor)
        if cause is Cause.MOVED:
            lost, accepted, now = 0, last.accepted, await self._read(window)
            if since >= last.oldest:  # the queue still has all that had been seen
                since = last.newest or since
        else:
            lost, accepted, now = await self._lost(last, lost_before, window)
        carried = _through_the_queue(now) - (now.queued - now.carried)
        return replace(
            _begun(memory, last.epoch + 1, cause),
            began=max(floor, versions.wall_clock()),
            floor=floor,
            lost=lost,
            lost_from=since,
            carried=carried + lost,
            # Until the first look is saved, what had been seen before the epoch remains what has been seen.
            accepted=accepted,
            entries=now.entries,
            oldest=last.oldest,
            newest=last.newest,
            late=last.late,
            seen_to=window.seen_to,
            known_seen=now.known.seen,
            known_unseen=now.known.unseen,
        )

    async def _lost(self, last: Epoch, lost_before: int, window: Window) -> tuple[int, int, Ledger]:
        """Return how many seen writes are gone, how many writes had been accepted, and a reading as of the same moment:
        no seen write ended in between."""
        for _ in range(_TRIES):
            seen = await self._reading(window, cut=window.seen_to)
            now = await self._reading(window)
            if seen.known.seen == now.known.seen:
                break
        # A seen write that has since been applied directly no longer counts as the queue's.
        past_the_queue = max(0, _late(seen, last.oldest, last.newest) - last.late)
        there = _through_the_queue(seen) - seen.lost + past_the_queue
        # Writes that had been lost may be back, but no more than those: otherwise a letter whose entry returned counts
        # twice.
        lost = max(-lost_before, last.accepted - lost_before - there)
        return lost, there + lost_before + lost, now

    async def _end_versions(self, seen: int) -> int:
        return await self._memory.end_versions(await self._database.audit(newest_version), seen)

    async def _begin(self, epoch: Epoch) -> None:
        await self._database.audit(epochs.begin, epoch)
        if epoch.cause is Cause.FIRST:
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

    async def _reading(self, window: Window, cut: int | None = None) -> Ledger:
        database = self._database
        return await reading_at(self._redis, database.engine, database.auditing, cut, window, self._partitions)


def _through_the_queue(ledger: Ledger) -> int:
    """Return the number of known writes that came through the queue, lost ones included."""
    return ledger.accounted - ledger.direct - ledger.imported


def _late(ledger: Ledger, since: int, until: int = VERSION_MAX) -> int:
    """Return the number of directly applied writes whose entry has a version from `since` to `until`."""
    return sum(since <= entry <= until for entry in ledger.late)


def _begun(memory: Memory, epoch: int, cause: Cause) -> Epoch:
    """Make an epoch in which no write was seen yet. This look is saved with the first reading that balances. The
    entries are saved at once, so that a queue that forgets them before that look begins another epoch."""
    began = max(memory.newest, versions.wall_clock())
    return Epoch(
        epoch=epoch,
        cause=cause,
        began=began,
        carried=0,
        lost=0,
        lost_from=0,
        floor=0,
        identity=memory.identity,
        look=memory.remembered,
        accepted=0,
        entries=memory.entries,
        oldest=began if memory.oldest is None else memory.oldest,
        newest=memory.newest,
    )
