"""Snapshot: the queue's side of the ledger as of one moment."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from holdfast.shared.connections.redis import entries, text
from holdfast.shared.queue.codec import raw_text
from holdfast.shared.queue.page import page
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.writes import versions

_PAGE = 1000
#: What the ledger's hash calls a late entry (settle.lua).
_LATE = "late:"

# Not MULTI: a queue that is out of memory refuses whatever is in it, reads too.
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
    """Counts as of `cuts`, the newest entry of each partition as a version, and `dead_cuts`, the ids of the newest dead
    letters."""

    cuts: tuple[int, ...]
    dead_cuts: tuple[str, ...]
    entries: int
    duplicates: int
    replayed: int
    #: Operation -> version that its recent entry is, of writes that had been applied directly when it was handled.
    late: Mapping[str, int]


async def snapshot(redis: Redis, partitions: Partitions = ONE) -> Snapshot:
    """All counts of a partition as of one moment. A queue that was never used gives zeros."""
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
    """(newest entry, newest dead letter, entries ever added, what the ledger's hash has)"""
    stream, dead, added, kept = await redis.eval(_COUNTS, 3, partition.writes, partition.dead, partition.ledger)
    return text(stream), text(dead), added, dict(zip(map(text, kept[::2]), map(text, kept[1::2]), strict=True))


async def letters_on_stream(
    redis: Redis, partitions: Partitions, dead_cuts: Sequence[str]
) -> AsyncIterator[list[tuple[str, str]]]:
    """(letter id, id of the entry it is of, '' for none) of the dead letters up to `dead_cuts` that are still on their
    streams, page by page."""
    for partition, cut in zip(partitions, dead_cuts, strict=True):
        async for found in _pages(redis, partition.dead, cut):
            yield [(letter_id, raw_text(fields, b"entry_id")) for letter_id, fields in found]


async def may_return(redis: Redis, partitions: Partitions = ONE) -> tuple[int | None, int]:
    """(version of the oldest entry on a write stream, if there is one; dead letters that no table has yet)."""
    oldest, waiting = list[int](), 0
    for partition in partitions:
        first, dead = await redis.eval(_MAY_RETURN, 2, partition.writes, partition.dead)
        oldest += [versions.from_stream_id(text(first))] if first else []
        waiting += dead
    return min(oldest, default=None), waiting


async def backlog(
    redis: Redis, partitions: Partitions, cuts: Sequence[int]
) -> AsyncIterator[list[tuple[str, str, bool, int]]]:
    """(entry id, operation id, whether it is a dead letter that was sent again, `stream` of its partition) of what is
    on the write streams up to `cuts`, page by page."""
    for partition, cut in zip(partitions, cuts, strict=True):
        async for found in _pages(redis, partition.writes, versions.to_stream_id(cut)):
            yield [
                (entry_id, raw_text(fields, b"operation_id"), b"replay" in fields, partition.stream)
                for entry_id, fields in found
            ]


async def _pages(redis: Redis, stream: str, cut: str) -> AsyncIterator[list[tuple[str, Mapping[bytes, bytes]]]]:
    start = "-"
    while found := entries(await redis.xrange(stream, start, cut, count=page(_PAGE))):
        yield found
        start = f"({found[-1][0]}"
