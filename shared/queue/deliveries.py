"""Deliveries: writers' hold on entries of the write stream, and what is known of those who had them before.

The group counts each delivery, and whoever claims an entry by hand raises that count. So writers count themselves how
often they took an entry over from a silent one, in the same step.
"""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.redis import entries, own_replies, text
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import Partition


class TakeOver:
    """Of one partition, for one consumer."""

    def __init__(self, redis: Redis, partition: Partition, consumer: str) -> None:
        self._partition = partition
        self._consumer = consumer
        self._script = Script(redis, LUA / "take_over.lua")

    async def __call__(self, ids: Sequence[str], idle_ms: int) -> list[Entry]:
        """Those of `ids` that have been silent for so long, now the consumer's. Raises NotSent, RedisError, OSError."""
        partition = self._partition
        keys = [partition.writes, partition.taken_over]
        claimed: Any = await self._script(keys, [WRITERS_GROUP, self._consumer, idle_ms, *ids])
        found = entries((entry_id, dict(zip(flat[::2], flat[1::2], strict=True))) for entry_id, flat in claimed)
        return [Entry(entry_id, fields, partition) for entry_id, fields in found]


async def unexplained(redis: Redis, partition: Partition, pending: Sequence[dict[str, Any]]) -> list[int]:
    """Of each, as XPENDING tells of it: deliveries to writers that ended in nothing. They were neither settled nor
    charged an attempt."""
    if not pending:
        return []
    ids = [text(each["message_id"]) for each in pending]
    pipeline = redis.pipeline(transaction=False)
    pipeline.hmget(partition.taken_over, ids)
    for each in ids:
        pipeline.llen(partition.attempts(each))
    taken_over, *attempts = own_replies(await pipeline.execute(raise_on_error=False))
    # The first delivery was a read, which nobody counts but the group.
    writers = [1 + _number(count) for count in taken_over or [None] * len(ids)]
    return [
        min(int(each["times_delivered"]), most) - (charged or 0)
        for each, most, charged in zip(pending, writers, attempts, strict=True)
    ]


def _number(count: bytes | None) -> int:
    return int(count) if count and count.isdigit() else 0


async def hold(
    redis: Redis, partition: Partition, consumer: str, ids: Sequence[str], *, deliveries: int, idle_ms: int = 0
) -> set[str]:
    """Make `consumer` the one that has those that are pending, of which nothing is unexplained: they count so many
    deliveries from here on. Returns their ids."""
    pipeline = redis.pipeline(transaction=False)
    pipeline.hdel(partition.taken_over, *ids)
    pipeline.xclaim(
        partition.writes, WRITERS_GROUP, consumer, 0, [*ids], idle=idle_ms, retrycount=deliveries, justid=True
    )
    _, held = await pipeline.execute(raise_on_error=False)  # a key in the place of the hash counts nothing
    if isinstance(held, Exception):
        raise held
    return set(map(text, held))
