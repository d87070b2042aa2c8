"""Deliveries: counts how often writers took over an entry, and hands entries to a consumer.

The consumer group counts every delivery, but a claim by hand raises that count too. So each writer also counts its
takeovers itself, in the step that takes an entry over from a silent writer.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.shared.connections.redis import entries, own_replies, text
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import Partition


def claims_as(reader: str) -> str:
    """Return the consumer that has what a writer took over or holds. Its `reader` has what it has just read."""
    return f"{reader}:reclaim"


class TakeOver:
    """Takes over entries of one partition for one consumer."""

    def __init__(self, redis: Redis, partition: Partition, consumer: str) -> None:
        self._redis = redis
        self._partition = partition
        self._consumer = consumer
        self._script = Script(redis, LUA / "take_over.lua")
        #: The entries of calls without an answer.
        self._unanswered: set[str] = set()

    async def __call__(self, ids: Sequence[str], idle_ms: int) -> list[Entry]:
        """Claim those of `ids` that have been silent for so long, and return their entries. Raises NotSent, RedisError,
        OSError."""
        partition = self._partition
        keys = [partition.writes, partition.taken_over]
        self._unanswered.update(ids)
        claimed: Any = await self._script(keys, [WRITERS_GROUP, self._consumer, idle_ms, *ids])
        self._unanswered.difference_update(ids)
        found = entries((entry_id, dict(zip(flat[::2], flat[1::2], strict=True))) for entry_id, flat in claimed)
        return [Entry(entry_id, fields, partition) for entry_id, fields in found]

    async def withdraw(self) -> None:
        """Forget the takeovers of calls without an answer, which may have counted although no entry arrived. Raises
        RedisError, OSError."""
        if self._unanswered:
            gone = sorted(self._unanswered)
            with suppress(ResponseError):  # a key of another type is in the place of the hash
                await self._redis.hdel(self._partition.taken_over, *gone)
            self._unanswered.difference_update(gone)


async def unexplained(redis: Redis, partition: Partition, pending: Sequence[dict[str, Any]]) -> list[int]:
    """Return, for each entry that XPENDING reports, the number of deliveries to writers since the last one that had a
    result: a failed attempt, a wait, or a clean stop."""
    if not pending:
        return []
    ids = [text(each["message_id"]) for each in pending]
    pipeline = redis.pipeline(transaction=False)
    pipeline.hmget(partition.taken_over, ids)
    [taken_over] = own_replies(await pipeline.execute(raise_on_error=False))
    # Only the group counts the first delivery, which was a read.
    writers = [1 + _number(count) for count in taken_over or [None] * len(ids)]
    return [min(int(each["times_delivered"]), most) for each, most in zip(pending, writers, strict=True)]


async def owners(redis: Redis, partition: Partition, ids: Sequence[str]) -> dict[str, str]:
    """Return entry -> the consumer that has it, for those of `ids` that are pending. Raises RedisError, OSError."""
    pipeline = redis.pipeline(transaction=False)
    for entry_id in ids:
        pipeline.xpending_range(partition.writes, WRITERS_GROUP, min=entry_id, max=entry_id, count=1)
    found = await pipeline.execute()
    return {text(entry["message_id"]): text(entry["consumer"]) for entries in found for entry in entries}


def _number(count: bytes | None) -> int:
    return int(count) if count and count.isdigit() else 0


class Hold:
    """Holds entries for one writer, which reads as `reader`. Each call leaves alone what another writer has."""

    def __init__(self, redis: Redis, reader: str) -> None:
        self._script = Script(redis, LUA / "hold.lua")
        self._consumers = (reader, claims_as(reader))

    async def __call__(
        self, partition: Partition, ids: Sequence[str], *, deliveries: int | None = None, idle_ms: int = 0
    ) -> set[str]:
        """Claim those of `ids` that the writer has, and return them. `deliveries`: from here on they count as delivered
        so often, and earlier takeovers are forgotten; None changes neither. Raises NotSent, RedisError, OSError."""
        keys = [partition.writes, partition.taken_over]
        count = "" if deliveries is None else deliveries
        return set(map(text, await self._script(keys, [WRITERS_GROUP, *self._consumers, idle_ms, count, *ids])))
