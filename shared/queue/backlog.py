"""Backlog: how much is on the write stream, and for how long."""

import asyncio
from collections.abc import Sequence
from functools import reduce
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from holdfast.shared.connections.redis import text
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition
from holdfast.shared.writes import versions


class StreamBacklog(NamedTuple):
    """What is on the stream is not over."""

    depth: int
    oldest_age_s: float
    #: Entries that no writer has been given yet, and the age of the oldest of them.
    waiting: int
    waiting_age_s: float
    #: Entries that ever left it.
    drained: int
    #: Redis' clock, in microseconds.
    now_us: int


async def backlog(redis: Redis, partitions: Sequence[Partition] = ONE) -> StreamBacklog:
    """As Redis sees it now, of all partitions, in two round trips each."""
    return reduce(_sum, [await _of_one(redis, partition.writes) for partition in partitions])


async def backlog_of_those_that_answer(
    redis: Redis, partitions: Sequence[Partition] = ONE
) -> tuple[StreamBacklog, dict[int, Exception]]:
    """The same of the partitions that answer, and why the others do not, by their numbers. Raises RedisError, OSError
    if none does."""
    looks = await asyncio.gather(*(backlog(redis, [each]) for each in partitions), return_exceptions=True)
    away, seen = dict[int, Exception](), list[StreamBacklog]()
    for partition, look in zip(partitions, looks, strict=True):
        if isinstance(look, RedisError | OSError):
            away[partition.number] = look
        elif isinstance(look, BaseException):
            raise look
        else:
            seen.append(look)
    if not seen:
        raise next(iter(away.values()))
    return reduce(_sum, seen), away


def _sum(one: StreamBacklog, other: StreamBacklog) -> StreamBacklog:
    return StreamBacklog(
        depth=one.depth + other.depth,
        oldest_age_s=max(one.oldest_age_s, other.oldest_age_s),
        waiting=one.waiting + other.waiting,
        waiting_age_s=max(one.waiting_age_s, other.waiting_age_s),
        drained=one.drained + other.drained,
        now_us=max(one.now_us, other.now_us),
    )


async def _of_one(redis: Redis, stream: str) -> StreamBacklog:
    pipeline = redis.pipeline(transaction=True)
    pipeline.xinfo_stream(stream)
    pipeline.xinfo_groups(stream)
    pipeline.time()
    info, groups, time = await pipeline.execute(raise_on_error=False)
    if isinstance(time, Exception):
        raise time
    now_us = time[0] * 1_000_000 + time[1]
    for answer in (info, groups):
        if isinstance(answer, ResponseError) and "no such key" in str(answer):
            return StreamBacklog(0, 0.0, 0, 0.0, 0, now_us)  # there is no stream before the first write
        if isinstance(answer, Exception):
            raise answer
    group: Any = next((group for group in groups if text(group["name"]) == WRITERS_GROUP), None)
    given = text(group["last-delivered-id"]) if group else "0-0"
    pending = int(group["pending"]) if group else 0
    following = await redis.xrange(stream, f"({given}", count=1)
    first = info["first-entry"]
    return StreamBacklog(
        depth=info["length"],
        oldest_age_s=_age_s(now_us, first[0]) if first else 0.0,
        waiting=max(0, info["length"] - pending) if following else 0,
        waiting_age_s=_age_s(now_us, following[0][0]) if following else 0.0,
        drained=info["entries-added"] - info["length"],
        now_us=now_us,
    )


def _age_s(now_us: int, entry_id: bytes | str | None) -> float:
    """By Redis' clock, which gave the id: this process's own may be hours away from it."""
    return max(0.0, (now_us - versions.from_stream_id(text(entry_id))) / 1_000_000)
