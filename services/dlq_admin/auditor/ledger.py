"""Read the ledger from both stores."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.letters.ids import NUMBER_MAX, id_of, number_or_none
from holdfast.shared.letters.index.counts import letter_counts
from holdfast.shared.letters.letter import names_an_entry
from holdfast.shared.letters.replays.doubts import UncertainItem
from holdfast.shared.queue.names import REPLAY
from holdfast.shared.queue.snapshot import backlog, letters_on_stream, snapshot
from holdfast.shared.store import epochs
from holdfast.shared.store.counts import ended_by, operation_counts
from holdfast.shared.store.engine import Engine
from holdfast.shared.writes import versions
from holdfast.shared.writes.ledger import Ledger

P = ParamSpec("P")
T = TypeVar("T")

_TRIES = 5
_PAUSE_S = 0.3


class _Ask(Protocol):
    """A question to the database, in a thread."""

    async def __call__(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The answer."""


async def read_ledger(redis: Redis, engine: Engine, threads: Executor | None = None) -> Ledger:
    """The ledger as of now. Two stores cannot be read at one instant: a reading that does not balance is repeated,
    and only an imbalance that stays is one. `threads`: where the database is asked; None: wherever there is room.
    Raises RedisError, OSError, or the store's faults."""

    least = await reading_at(redis, engine, threads)
    for _ in range(_TRIES - 1):
        if least.missing == 0:
            break
        await asyncio.sleep(_PAUSE_S)
        least = min(least, await reading_at(redis, engine, threads), key=lambda ledger: abs(ledger.missing))
    return least


async def reading_at(
    redis: Redis, engine: Engine, threads: Executor | None, cut: int | None = None, floor: int = 0
) -> Ledger:
    """One reading. `cut`: of writes up to this version; then the queue's own counts, which know no cut, are of now.
    `floor`: of writes up to this version at least."""

    async def ask(work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(threads, lambda: work(engine, *args, **kwargs))

    return await _read(redis, ask, cut, floor)


async def _read(redis: Redis, ask: _Ask, cut_at: int | None, floor: int) -> Ledger:
    epoch = await ask(epochs.totals)
    queue = await snapshot(redis)
    if cut_at is not None:
        queue = replace(queue, cut=versions.to_stream_id(cut_at))
    in_flight = copies = 0
    async for page in backlog(redis, queue.cut):
        ended = await ask(ended_by, [operation_id for _, operation_id in page])
        for entry_id, operation_id in page:
            if operation_id not in ended:
                in_flight += 1
            elif ended[operation_id] != entry_id:
                copies += 1
    # The stream before the table: what leaves the one in between is in the other.
    waiting = [
        (number_or_none(letter_id), names_an_entry(entry_id))
        async for page in letters_on_stream(redis, queue.dead_cut)
        for letter_id, entry_id in page
    ]
    readable = {number: of_an_entry for number, of_an_entry in waiting if number is not None}
    unreadable = [of_an_entry for number, of_an_entry in waiting if number is None]
    cut = number_or_none(queue.dead_cut)
    write_cut = versions.from_stream_id(queue.cut)
    if cut_at is None:  # a queue that went back is behind what the database has
        write_cut = max(write_cut, epoch.floor, floor)
    letters = await ask(letter_counts, NUMBER_MAX if cut is None else cut, readable, write_cut)
    resent = await _sent(redis, letters.doubts, write_cut)
    counts = await ask(operation_counts, write_cut)
    return Ledger(
        entries=queue.entries,
        replayed=queue.replayed,
        duplicates=queue.duplicates + copies,
        direct=counts.direct,
        imported=letters.imported + unreadable.count(False),
        applied=counts.applied,
        rejected=counts.rejected,
        dead_lettered=letters.dead_lettered - resent + len(unreadable),
        discarded=letters.discarded,
        in_flight=in_flight,
        kept=counts.kept,
        open=counts.open,
        purged=counts.totals.purged,
        horizon=counts.totals.purged_to,
        epoch=epoch.epoch,
        carried=epoch.carried,
        lost=epoch.lost,
        cut=write_cut,
    )


async def _sent(redis: Redis, doubts: Sequence[UncertainItem], write_cut: int) -> int:
    """How many of the uncertain items were on the write stream at the cut."""
    pipeline = redis.pipeline(transaction=False)
    for doubt in doubts:
        pipeline.hget(REPLAY + str(doubt.replay_id), id_of(doubt.letter))
    entries = [text(entry) for entry in await pipeline.execute() if entry] if doubts else []
    return sum("-" in entry and versions.from_stream_id(entry) <= write_cut for entry in entries)
