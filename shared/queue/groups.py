"""Consumer groups: made at 0, before anybody reads, so that no entry is older than its group."""

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.shared.queue.names import DEAD, DLQ_GROUP, WRITERS_GROUP, WRITES

_GROUPS = ((WRITES, WRITERS_GROUP), (DEAD, DLQ_GROUP))

#: A full Redis refuses the plain command even when the group is there, and the writers that would make room could not
#: start.
_CREATE = """#!lua flags=allow-oom
return redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
"""


async def ensure_groups(redis: Redis) -> list[str]:
    """Make the streams and groups that are missing; returns the streams whose group was made.

    A group made while the system runs means that Redis lost its data: the caller logs an error.
    """
    made = []
    for stream, group in _GROUPS:
        try:
            await redis.eval(_CREATE, 1, stream, group)
            made.append(stream)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
    return made
