"""Agreement: in how many partitions the queue is used. The number is kept in the queue itself. A service with another
number does not start, and queues nothing, because the writers do not read what it would queue. Only `change` changes
the number of a queue that was used before."""

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal
from weakref import WeakKeyDictionary

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.script import NotSent, Script, text_of
from holdfast.shared.queue.names import LUA, PARTITIONS, WRITES
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.redis import queue_client
from holdfast.shared.runtime.settings import QueueSettings

#: Longest wait for the queue when a service starts, in seconds.
_AT_START_S = 2.0
#: How often `change` looks whether the partitions are empty, and how long they stay closed without such a look, in
#: seconds. If it is killed, they open by themselves.
_LOOK_EVERY_S, _CLOSED_FOR_S = 0.2, 10

# The first service records its number in a queue that nobody has used. A queue of one partition may lack the record.
# All scripts may run in a full Redis, which is emptied only by services that start.
_RECORDED = """#!lua flags=allow-oom
local count = redis.call('GET', KEYS[1]) or (redis.call('EXISTS', KEYS[2]) == 1 and '1')
if count then return count end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
"""
_RECORD = """#!lua flags=allow-oom
return redis.call('SET', KEYS[1], ARGV[1])
"""

#: The number of partitions that each client's queue is known to be used in.
_agreed: WeakKeyDictionary[Redis, int] = WeakKeyDictionary()


class PartitionsDiffer(SystemExit):
    """The queue is used in another number of partitions. The process exits with the message."""


class StillWaiting(Exception):
    """Entries still wait in the partitions that are to be left."""


async def agree(redis: Redis, count: int) -> None:
    """Make sure that the queue is used in `count` partitions, and record the number if nobody has used the queue.
    Raises PartitionsDiffer, RedisError, OSError."""
    if refusal := await _refusal(redis, count):
        raise PartitionsDiffer(refusal)
    _agreed[redis] = count


class Agreed:
    """A script of a partition. Until the process knows that its number of partitions is the right one, each call has to
    find out first, because a service may start while the queue is away. Afterwards, no call needs the record."""

    def __init__(self, redis: Redis, count: int, script: Script) -> None:
        self._redis = redis
        self._count = count
        self._script = script

    async def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run the script, if the queue is used in this number of partitions. Raises like a Script."""
        if _agreed.get(self._redis) != self._count:
            try:
                await agree(self._redis, self._count)
            except (RedisError, OSError, PartitionsDiffer) as error:
                raise NotSent from error
        return await self._script(keys, args)


def check(settings: QueueSettings) -> None:
    """Check the number of partitions before a service starts, and exit if the queue is used in another number.

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


async def change(redis: Redis, count: int, within_s: float) -> None:
    """Use the queue in `count` partitions from now on. Until writers and dlq_admin have emptied the old partitions, and
    from then on, these take no writes: apis that use them apply writes directly. Raises StillWaiting if the partitions
    are not empty within so many seconds; they open again then. Raises RedisError, OSError."""
    before = await _recorded(redis, count)
    if before != count:
        await _leave(redis, Partitions(before), time.monotonic() + within_s)
        for one in Partitions(count):  # if used before, they know no Idempotency-Key of the time since then
            await redis.delete(one.keys_since)
    await _close(redis, Partitions(count), 0)  # opens them: they may be closed, since an earlier change
    await redis.eval(_RECORD, 1, PARTITIONS, count)


async def _leave(redis: Redis, partitions: Partitions, until_s: float) -> None:
    """Close partitions for good, as soon as all of them are empty. A closed partition that is empty stays empty."""
    while waiting := await _close(redis, partitions, _CLOSED_FOR_S) or await _close(redis, partitions, ""):
        if time.monotonic() > until_s:
            await _close(redis, partitions, 0)
            raise StillWaiting(f"{waiting} entries wait in {len(partitions)} partitions")
        await asyncio.sleep(_LOOK_EVERY_S)


async def _close(redis: Redis, partitions: Partitions, for_s: float | Literal[""]) -> int:
    """Close partitions for so many seconds, or for good, and return how many entries they hold."""
    script = text_of(LUA / "close.lua")
    return sum([await redis.eval(script, 3, one.writes, one.dead, one.clock, for_s) for one in partitions])


async def _recorded(redis: Redis, count: int) -> int:
    """Return the number of partitions that is recorded; if nobody has used the queue, `count`, recorded now."""
    return int(await redis.eval(_RECORDED, 2, PARTITIONS, WRITES, count))


async def _refusal(redis: Redis, count: int) -> str:
    """Return why the queue cannot be used in `count` partitions, or an empty text if it can."""
    if (recorded := await _recorded(redis, count)) == count:
        return ""
    return (
        f"HOLDFAST_QUEUE_PARTITIONS is {count}, but the queue is used in {recorded}: set {recorded}, or change the"
        f" queue first (`python -m holdfast.services.dlq_admin partitions {count}`), see docs/operations/partitions.md"
    )
