"""Read the ledger from both stores."""

import asyncio

from redis.asyncio import Redis

from shared import versions
from shared.ledger import Ledger
from shared.letters.ids import NUMBER_MAX, number_or_none
from shared.queue.snapshot import backlog, letters_on_stream, snapshot
from shared.store.counts import ended_by, operation_counts
from shared.store.dead_letters.counts import letter_counts
from shared.store.engine import Engine

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
    letters = await asyncio.to_thread(letter_counts, engine, NUMBER_MAX if cut is None else cut, readable)
    counts = await asyncio.to_thread(operation_counts, engine, versions.from_stream_id(queue.cut))
    return Ledger(
        entries=queue.entries,
        replayed=queue.replayed,
        duplicates=queue.duplicates + copies,
        direct=counts.direct,
        imported=letters.imported,
        applied=counts.applied,
        rejected=counts.rejected,
        dead_lettered=letters.dead_lettered + len(waiting) - len(readable),
        discarded=letters.discarded,
        in_flight=in_flight,
    )
