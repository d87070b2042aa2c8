"""Consumer groups: made at 0, before anybody reads, so that no entry is older than its group."""

from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.shared.queue.agreement import agree
from holdfast.shared.queue.names import DLQ_GROUP, WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition

#: A full Redis refuses the plain command even when the group is there, and the writers that would make room could not
#: start.
_CREATE = """#!lua flags=allow-oom
return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
"""


async def ensure_groups(redis: Redis, partitions: Sequence[Partition] = ONE) -> list[str]:
    """Make the streams and groups that are missing; returns the streams whose group was made.

    A group made while the system runs means that Redis lost its data: the caller logs an error.
    """
    await agree(redis, partitions[0].count)
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
