"""Backlog: how many entries are on the write stream, and how old the oldest is."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.queue.asking import ask_each
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition
from holdfast.shared.writes import versions

# A script sees everything at one moment. MULTI would not do: a Redis that is out of memory refuses a whole MULTI block,
# even if it only reads.
_LOOK = """#!lua flags=no-writes
local time = redis.call('TIME')
if redis.call('EXISTS', KEYS[1]) == 0 then return {0, 0, '', '', 0, time[1], time[2], '0-0'} end
local function named(info)
  local of = {}
  for i = 1, #info, 2 do of[info[i]] = info[i + 1] end
  return of
end
local about, given, pending = named(redis.call('XINFO', 'STREAM', KEYS[1])), '0-0', 0
for _, info in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = named(info)
  if group.name == ARGV[1] then given, pending = group['last-delivered-id'], group.pending end
end
local first, following = about['first-entry'], redis.call('XRANGE', KEYS[1], '(' .. given, '+', 'COUNT', 1)[1]
return {about.length, about['entries-added'], first and first[1] or '', following and following[1] or '', pending,
  time[1], time[2], about['last-generated-id']}
"""


class StreamBacklog(NamedTuple):
    """The entries on the write stream, all of which are unfinished, at one moment."""

    depth: int
    oldest_age_s: float
    #: Entries that were not delivered to any writer yet, and the age of the oldest of these entries.
    waiting: int
    waiting_age_s: float
    #: Entries that ever left the stream.
    drained: int
    #: Redis' clock, in microseconds.
    now_us: int
    #: The newest version of an entry; 0 if there never was one, or if it has an id that was made by hand.
    newest: int = 0


async def backlog(redis: Redis, partitions: Sequence[Partition] = ONE) -> StreamBacklog:
    """Return the current backlog of all partitions, in one round trip per partition."""
    return reduce(_sum, [await _of_one(redis, partition.writes) for partition in partitions])


async def backlog_of_those_that_answer(
    redis: Redis, partitions: Sequence[Partition]
) -> tuple[StreamBacklog, dict[int, Exception]]:
    """Return the current backlog of the partitions that answer, and the error of each other partition by its number.
    Raises RedisError, OSError if no partition answers."""
    answers = await ask_each(partitions, lambda each: _of_one(redis, each.writes))
    seen = list((answers.of or answers.complete()).values())
    return reduce(_sum, seen), {partition.number: error for partition, error in answers.away.items()}


def _sum(one: StreamBacklog, other: StreamBacklog) -> StreamBacklog:
    return StreamBacklog(
        depth=one.depth + other.depth,
        oldest_age_s=max(one.oldest_age_s, other.oldest_age_s),
        waiting=one.waiting + other.waiting,
        waiting_age_s=max(one.waiting_age_s, other.waiting_age_s),
        drained=one.drained + other.drained,
        now_us=max(one.now_us, other.now_us),
        newest=max(one.newest, other.newest),
    )


async def _of_one(redis: Redis, stream: str) -> StreamBacklog:
    length, added, first, following, pending, now_s, now_us, last = await redis.eval(_LOOK, 1, stream, WRITERS_GROUP)
    now_us, newest = int(now_s) * 1_000_000 + int(now_us), versions.from_stream_id(text(last))
    return StreamBacklog(
        depth=length,
        oldest_age_s=_age_s(now_us, first) if first else 0.0,
        waiting=max(0, length - pending) if following else 0,
        waiting_age_s=_age_s(now_us, following) if following else 0.0,
        drained=added - length,
        now_us=now_us,
        newest=newest if newest <= now_us + versions.HORIZON_US else 0,
    )


def _age_s(now_us: int, entry_id: bytes | str) -> float:
    """Return the age of an entry by Redis' clock, which gave the id. This process's own clock may be hours off."""
    return max(0.0, (now_us - versions.from_stream_id(text(entry_id))) / 1_000_000)
