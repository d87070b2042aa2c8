"""Snapshot: reads the queue's side of the ledger as of one moment."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from holdfast.shared.connections.redis import entries, text
from holdfast.shared.queue.codec import raw_text
from holdfast.shared.queue.page import page_size
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.writes import versions

_PAGE = 1000
#: Prefix of the fields for late entries in the ledger's hash (settle.lua).
_LATE = "late:"

# Not MULTI: a Redis that is out of memory refuses a whole MULTI block, even if it only reads.
_COUNTS = """#!lua flags=no-writes
local function seen(stream)
  if redis.call('EXISTS', stream) == 0 then return '0-0', 0 end
  local info, of = redis.call('XINFO', 'STREAM', stream), {}
  for i = 1, #info, 2 do of[info[i]] = info[i + 1] end
  return of['last-generated-id'], of['entries-added']
end
local newest, added = seen(KEYS[1])
local dead = seen(KEYS[2])
return {newest, dead, added, redis.call('HGETALL', KEYS[3])}
"""
_MAY_RETURN = """#!lua flags=no-writes
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {first and first[1] or '', redis.call('XLEN', KEYS[2])}
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts of the queue at one moment. `cuts`: the newest entry of each partition, as a version; `dead_cuts`: the
    id of each partition's newest dead letter. The counts include exactly what is not newer."""

    cuts: tuple[int, ...]
    dead_cuts: tuple[str, ...]
    entries: int
    duplicates: int
    replayed: int
    #: Operation -> the id of its recent entry as a version, for writes that had been applied directly before the entry
    #: was handled.
    late: Mapping[str, int]


async def snapshot(redis: Redis, partitions: Partitions = ONE) -> Snapshot:
    """Return the counts of the queue; those of each partition are as of one moment. An unused queue gives zeros."""
    parts = [await _of_one(redis, partition) for partition in partitions]
    counts = [part[3] for part in parts]
    return Snapshot(
        tuple(versions.from_stream_id(part[0]) for part in parts),
        tuple(part[1] for part in parts),
        entries=sum(part[2] for part in parts),
        duplicates=sum(int(each.get("duplicates", 0)) for each in counts),
        replayed=sum(int(each.get("replayed", 0)) for each in counts),
        late={
            name.removeprefix(_LATE): versions.from_stream_id(entry_id)
            for each in counts
            for name, entry_id in each.items()
            if name.startswith(_LATE)
        },
    )


async def _of_one(redis: Redis, partition: Partition) -> tuple[str, str, int, dict[str, str]]:
    """Return (newest entry, newest dead letter, entries ever added, the ledger's hash)."""
    stream, dead, added, kept = await redis.eval(_COUNTS, 3, partition.writes, partition.dead, partition.ledger)
    return text(stream), text(dead), added, dict(zip(map(text, kept[::2]), map(text, kept[1::2]), strict=True))


async def letters_on_stream(
    redis: Redis, partitions: Partitions, dead_cuts: Sequence[str]
) -> AsyncIterator[list[tuple[str, str]]]:
    """Yield pages of the dead letters up to `dead_cuts` that are still on their streams: (letter id, id of the entry
    that was dead-lettered, or '' if it is unknown)."""
    for partition, cut in zip(partitions, dead_cuts, strict=True):
        async for found in _pages(redis, partition.dead, cut):
            yield [(letter_id, raw_text(fields, b"entry_id")) for letter_id, fields in found]


async def may_return(redis: Redis, partitions: Partitions = ONE) -> tuple[int | None, int]:
    """Return (version of the oldest entry on any write stream, or None if all are empty; number of dead letters that
    are not in the table yet)."""
    oldest, waiting = list[int](), 0
    for partition in partitions:
        first, dead = await redis.eval(_MAY_RETURN, 2, partition.writes, partition.dead)
        oldest += [versions.from_stream_id(text(first))] if first else []
        waiting += dead
    return min(oldest, default=None), waiting


async def entries_on_stream(
    redis: Redis, partitions: Partitions, cuts: Sequence[int]
) -> AsyncIterator[list[tuple[str, str, bool, int]]]:
    """Yield pages of the entries on the write streams up to `cuts`: (entry id, operation id, whether the entry is a
    replayed dead letter, `stream` of its partition)."""
    for partition, cut in zip(partitions, cuts, strict=True):
        async for found in _pages(redis, partition.writes, versions.to_stream_id(cut)):
            yield [
                (entry_id, raw_text(fields, b"operation_id"), b"replay" in fields, partition.stream)
                for entry_id, fields in found
            ]


async def _pages(redis: Redis, stream: str, cut: str) -> AsyncIterator[list[tuple[str, Mapping[bytes, bytes]]]]:
    start = "-"
    while found := entries(await redis.xrange(stream, start, cut, count=page_size(_PAGE))):
        yield found
        start = f"({found[-1][0]}"
