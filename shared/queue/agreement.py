"""Agreement: in how many partitions the queue is used. The number is kept in the queue itself; a different number is
accepted only when the old partitions are empty. These are closed then: an api that still uses them applies its writes
directly, because no writer of the new partitions would ever read them."""

import asyncio
import sys

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.names import PARTITIONS
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.redis import queue_client
from holdfast.shared.runtime.settings import QueueSettings

#: Longest wait for the queue when a service starts, in seconds.
_AT_START_S = 2.0

# A full Redis would refuse a plain command, and the partitions that are closed by then would stay closed.
_RECORD = """#!lua flags=allow-oom
return redis.call('SET', KEYS[1], ARGV[1])
"""
# A closed partition has no version to give, and accept.lua looks for this text in the place of the version.
_CLOSE_IF_EMPTY = """#!lua flags=allow-oom
local waiting = redis.call('XLEN', KEYS[1]) + redis.call('XLEN', KEYS[2])
if waiting == 0 then redis.call('SET', KEYS[3], 'closed') end
return waiting
"""
_OPEN = """#!lua flags=allow-oom
return redis.pcall('GET', KEYS[1]) == 'closed' and redis.call('DEL', KEYS[1]) or 0
"""


class PartitionsDiffer(SystemExit):
    """The queue still holds writes in another number of partitions. The process exits with the message."""


async def agree(redis: Redis, count: int) -> None:
    """Make sure that the queue is used in `count` partitions: the number is the recorded one, or the queue is empty and
    the number is recorded now. Raises PartitionsDiffer, RedisError, OSError."""
    if refusal := await _refusal(redis, count):
        raise PartitionsDiffer(refusal)


async def open_partition(redis: Redis, partition: Partition) -> None:
    """Open a partition of the agreed number, which may be closed since another number was used. Raises RedisError,
    OSError."""
    await redis.eval(_OPEN, 1, partition.clock)


def check(settings: QueueSettings) -> None:
    """Check the number of partitions before a service starts, and exit if the queue holds writes in another number.

    If the queue does not answer, return; `agree` checks again when the queue is back.
    """

    async def asked() -> str:
        redis = queue_client(settings)
        try:
            with FailureReporter("partitions", once=True).suppressing(RedisError, OSError):
                async with asyncio.timeout(_AT_START_S):
                    return await _refusal(redis, settings.queue_partitions)
            return ""
        finally:
            await redis.aclose()

    if refusal := asyncio.run(asked()):
        sys.exit(refusal)


async def _refusal(redis: Redis, count: int) -> str:
    """Return why the queue cannot be used in `count` partitions, or an empty text if it can. Record the number if it
    differs and the queue is empty."""
    before = int(await redis.get(PARTITIONS) or 1)
    if before == count:
        return ""
    pipeline = redis.pipeline(transaction=False)
    for partition in Partitions(before):
        pipeline.xlen(partition.writes)
        pipeline.xlen(partition.dead)
    waiting = sum(await pipeline.execute())
    if not waiting and not (waiting := await _closed(redis, Partitions(before))):
        await redis.eval(_RECORD, 1, PARTITIONS, count)
        return ""
    return (
        f"HOLDFAST_QUEUE_PARTITIONS is {count}, but the queue holds {waiting} entries in {before}: let them run empty"
        " first, see docs/operations/partitions.md"
    )


async def _closed(redis: Redis, partitions: Partitions) -> int:
    """Close all partitions, or none if an entry has just arrived. Return the number of entries."""
    waiting = 0
    for partition in partitions:
        waiting += await redis.eval(_CLOSE_IF_EMPTY, 3, partition.writes, partition.dead, partition.clock)
    for partition in partitions if waiting else ():
        await open_partition(redis, partition)
    return waiting
