"""Read the ledger from both stores."""

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from shared import versions
from shared.ledger import Ledger
from shared.letters.ids import NUMBER_MAX, id_of, number_or_none
from shared.queue.connection import text
from shared.queue.names import REPLAY
from shared.queue.snapshot import backlog, letters_on_stream, snapshot
from shared.store.counts import ended_by, operation_counts
from shared.store.dead_letters.counts import letter_counts
from shared.store.engine import Engine
from shared.store.replays.doubts import Doubt

_TRIES = 5
_PAUSE_S = 0.3


async def read_ledger(redis: Redis, engine: Engine) -> Ledger:
    """The ledger as of now. Two stores cannot be read at one instant: a reading that does not balance is repeated,
    and only an imbalance that stays is one."""
    ledger = await _read(redis, engine)
    for _ in range(_TRIES - 1):
        if ledger.missing == 0:
            break
        await asyncio.sleep(_PAUSE_S)
        ledger = await _read(redis, engine)
    return ledger


async def _read(redis: Redis, engine: Engine) -> Ledger:
    queue = await snapshot(redis)
    in_flight = copies = 0
    async for page in backlog(redis, queue.cut):
        ended = await asyncio.to_thread(ended_by, engine, [operation_id for _, operation_id in page])
        for entry_id, operation_id in page:
            if operation_id not in ended:
                in_flight += 1
            elif ended[operation_id] != entry_id:
                copies += 1
    # The stream before the table: what leaves the one in between is in the other.
    waiting = [number_or_none(each) async for page in letters_on_stream(redis, queue.dead_cut) for each in page]
    readable = [number for number in waiting if number is not None]
    cut = number_or_none(queue.dead_cut)
    write_cut = versions.from_stream_id(queue.cut)
    letters = await asyncio.to_thread(letter_counts, engine, NUMBER_MAX if cut is None else cut, readable, write_cut)
    resent = await _sent(redis, letters.doubts, write_cut)
    counts = await asyncio.to_thread(operation_counts, engine, write_cut)
    return Ledger(
        entries=queue.entries,
        replayed=queue.replayed,
        duplicates=queue.duplicates + copies,
        direct=counts.direct,
        imported=letters.imported,
        applied=counts.applied,
        rejected=counts.rejected,
        dead_lettered=letters.dead_lettered - resent + len(waiting) - len(readable),
        discarded=letters.discarded,
        in_flight=in_flight,
    )


async def _sent(redis: Redis, doubts: Sequence[Doubt], write_cut: int) -> int:
    """How many of them were on the write stream by then."""
    pipeline = redis.pipeline(transaction=False)
    for doubt in doubts:
        pipeline.hget(REPLAY + str(doubt.replay_id), id_of(doubt.letter))
    entries = [text(entry) for entry in await pipeline.execute() if entry] if doubts else []
    return sum("-" in entry and versions.from_stream_id(entry) <= write_cut for entry in entries)
