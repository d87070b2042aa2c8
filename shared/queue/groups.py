"""Consumer groups: created at id 0 before any consumer reads, so that a group misses no entry."""

from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.shared.queue.names import DLQ_GROUP, WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition

#: A full Redis refuses the plain command even if the group exists, and then the writers that would free memory could
#: not start. A script with `allow-oom` is not refused.
_CREATE = """#!lua flags=allow-oom
return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
"""


async def ensure_groups(redis: Redis, partitions: Sequence[Partition] = ONE) -> list[str]:
    """Create the missing streams and groups. Return the streams whose group was created.

    A group that had to be created while the system runs means that Redis lost its data, which the caller logs. Raises
    RedisError, OSError.
    """
    made = []
    groups = [(each.writes, WRITERS_GROUP) for each in partitions] + [(each.dead, DLQ_GROUP) for each in partitions]
    for stream, group in groups:
        try:
            await redis.eval(_CREATE, 1, stream, group)
            made.append(stream)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
    return made
