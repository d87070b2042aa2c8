"""Ledger: reads the ledger from both stores."""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import NamedTuple

import orjson
from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.letters.ids import NUMBER_MAX, id_of, number_or_none
from holdfast.shared.letters.index.counts import LetterCounts, letter_counts, newest_number
from holdfast.shared.letters.index.known import KnownWrites, letters_after
from holdfast.shared.letters.letter import names_an_entry
from holdfast.shared.letters.replays.doubts import UncertainItem
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.queue.snapshot import Snapshot, entries_on_stream, letters_on_stream, snapshot
from holdfast.shared.store import epochs
from holdfast.shared.store.counts import OperationCounts, counts_in, ended_by
from holdfast.shared.store.cuts import Cuts, within
from holdfast.shared.store.engine import Engine, transaction
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Known, Window
from holdfast.shared.writes.ledger import Ledger

_TRIES = 5
_PAUSE_S = 0.3
#: Attempts to get a reading during which no write died; after these, the last reading is used.
_QUIET_TRIES = 10


async def read_ledger(
    redis: Redis,
    engine: Engine,
    threads: Executor | None = None,
    partitions: Partitions = ONE,
    window: Window | None = None,
) -> Ledger:
    """Read the ledger as of now. A reading that does not balance is repeated, so that only a lasting imbalance is
    reported. `threads`: the executor for database calls; None: the event loop's default. `window`: see `reading_at`.
    Raises RedisError, OSError, or the store's faults."""

    least = await reading_at(redis, engine, threads, window=window, partitions=partitions)
    for _ in range(_TRIES - 1):
        if least.missing == 0:
            break
        await asyncio.sleep(_PAUSE_S)
        again = await reading_at(redis, engine, threads, window=window, partitions=partitions)
        least = min(least, again, key=lambda ledger: abs(ledger.missing))
    return least


async def reading_at(
    redis: Redis,
    engine: Engine,
    threads: Executor | None,
    cut: int | None = None,
    window: Window | None = None,
    partitions: Partitions = ONE,
) -> Ledger:
    """Make one reading. `cut`: count writes up to this version only; the queue's own counts know no cut and are as of
    now. `window`: that of an epoch that is about to begin; then what became known in the present epoch is not counted
    as late ends of an earlier one.

    Two stores cannot be read at one instant. The streams are read first, then the database in one snapshot: a write
    that left the streams meanwhile is in the snapshot, and a write in the snapshot is not counted as in flight. Only a
    write that died meanwhile, or a copy that was settled, would be missed: then the reading is repeated. Letters that
    the database had before the reading count in any case, because an emptied queue knows none of them.
    """
    for _ in range(_QUIET_TRIES):
        newest_letter = await asyncio.get_running_loop().run_in_executor(threads, newest_number, engine)
        before = await snapshot(redis, partitions)
        ledger = await _read(redis, engine, threads, before, cut, window, newest_letter, partitions)
        after = await snapshot(redis, partitions)
        if (before.dead_cuts, before.duplicates) == (after.dead_cuts, after.duplicates):
            break
    return ledger


async def _read(
    redis: Redis,
    engine: Engine,
    threads: Executor | None,
    queue: Snapshot,
    cut_at: int | None,
    window: Window | None,
    newest_letter: int,
    partitions: Partitions,
) -> Ledger:
    if cut_at is not None:
        queue = replace(queue, cuts=(cut_at,) * len(partitions))
    # Packed: as Python strings, a long backlog would take a gigabyte.
    pages = [orjson.dumps(page) async for page in entries_on_stream(redis, partitions, queue.cuts)]
    waiting = [
        (number_or_none(letter_id), entry_id)
        async for page in letters_on_stream(redis, partitions, queue.dead_cuts)
        for letter_id, entry_id in page
    ]
    held = await asyncio.get_running_loop().run_in_executor(
        threads, lambda: _held(engine, queue, pages, waiting, cut_at is not None, window, newest_letter)
    )
    unreadable = [names_an_entry(entry_id) for number, entry_id in waiting if number is None]
    resent = await _sent(redis, held.letters.doubts, held.cuts, partitions)
    return Ledger(
        entries=queue.entries,
        replayed=queue.replayed,
        duplicates=queue.duplicates + held.copies,
        direct=held.operations.direct,
        imported=held.letters.imported + unreadable.count(False),
        applied=held.operations.applied,
        rejected=held.operations.rejected,
        dead_lettered=held.letters.dead_lettered - resent + len(unreadable),
        discarded=held.letters.discarded,
        in_flight=held.in_flight,
        kept=held.operations.kept,
        open=held.operations.open,
        purged=held.operations.totals.purged,
        horizon=held.operations.totals.purged_to,
        epoch=held.epoch.epoch,
        carried=held.epoch.carried + held.late.unseen,
        lost=held.epoch.lost - held.late.seen,
        cut=max(held.cuts),
        known=held.known,
        late=held.late_entries,
    )


class _Waiting:
    """The operations that wait on the streams. Two entries of an operation are one write. Only hashes are kept, because
    a backlog may be long."""

    def __init__(self) -> None:
        self._hashes = set[int]()

    def add(self, operation_id: str) -> bool:
        """Return whether this is the first entry of its operation. An entry that names no operation is a write of its
        own."""
        before = len(self._hashes)
        if operation_id:
            self._hashes.add(hash(operation_id))
        return not operation_id or len(self._hashes) > before


class _Held(NamedTuple):
    """What the database holds, in one snapshot, and what it knows of the streams' entries."""

    epoch: epochs.EpochTotals
    #: The newest versions that were counted, by partition.
    cuts: Cuts
    in_flight: int
    copies: int
    letters: LetterCounts
    operations: OperationCounts
    #: The known writes of the window, and those that ended since the epoch began and belong to an earlier one.
    known: Known
    late: Known
    #: Entries of writes that were applied directly.
    late_entries: tuple[int, ...]


def _held(
    engine: Engine,
    queue: Snapshot,
    pages: Iterable[bytes],
    waiting: Sequence[tuple[int | None, str]],
    of_the_past: bool,
    window: Window | None,
    newest_letter: int,
) -> _Held:
    readable = {number: names_an_entry(entry_id) for number, entry_id in waiting if number is not None}
    letter_cuts = [number_or_none(cut) for cut in queue.dead_cuts]
    sent_again = {entry_id for _, entry_id in waiting}
    late_entries = dict(queue.late)
    in_flight = copies = 0
    waits = _Waiting()
    with transaction(engine.execution_options(isolation_level="REPEATABLE READ")) as connection:
        epoch = epochs.totals_in(connection)
        cuts = queue.cuts
        if not of_the_past:  # a queue that went back is behind the database
            cuts = tuple(max(cut, epoch.floor, window.floor if window else 0) for cut in cuts)
        of_window = window or epoch.window
        known = KnownWrites(connection, of_window, waiting) if of_window else None
        for packed in pages:
            page = orjson.loads(packed)
            ended = ended_by(connection, [operation_id for _, operation_id, *_ in page])
            first = [entry for entry in page if entry[1] in ended or waits.add(entry[1])]
            in_flight += sum(operation_id not in ended for _, operation_id, *_ in first)
            copies += sum(ended.get(operation_id, entry_id) != entry_id for entry_id, operation_id, *_ in first)
            copies += len(page) - len(first)
            for entry_id, operation_id, *_ in first:
                if operation_id in ended and ended[operation_id] is None:
                    late_entries.setdefault(operation_id, versions.from_stream_id(entry_id))
            sent_again |= {entry_id for entry_id, _, again, _ in page if again}
            if known:
                known.on_stream(first, ended)
        up_to = max(newest_letter, *(NUMBER_MAX if cut is None else cut for cut in letter_cuts))
        letters = letter_counts(connection, up_to, readable, cuts, sent_again)
        if of_the_past:
            newer = letters_after(connection, max(cuts), waiting)
            letters = replace(letters, dead_lettered=letters.dead_lettered - newer)
        operations = counts_in(connection, cuts)
        counts = known.counts if known else epoch.known
        if not window:
            counts = Known(*map(max, counts, epoch.known))  # rows are removed after the horizon
        late = Known(0, 0) if window else Known(counts.seen - epoch.known.seen, counts.unseen - epoch.known.unseen)
        entries = tuple(late_entries.values())
        return _Held(epoch, cuts, in_flight, copies, letters, operations, counts, late, entries)


async def _sent(redis: Redis, doubts: Sequence[UncertainItem], cuts: Cuts, partitions: Partitions) -> int:
    """Return how many of the uncertain items were on the write stream at its cut, or have since ended by the entry that
    was sent."""
    pipeline = redis.pipeline(transaction=False)
    for doubt in doubts:
        for partition in partitions:
            pipeline.hget(partition.replay(doubt.replay_id), id_of(doubt.letter))
    answers = await pipeline.execute() if doubts else []
    entries = [text(entry) if entry else "" for entry in answers]
    ended_by = [doubt.ended_by for doubt in doubts for _ in partitions]
    return sum(
        "-" in entry and (entry == by or within(versions.from_stream_id(entry), cuts))
        for entry, by in zip(entries, ended_by, strict=True)
    )
