"""On the stream: dead letters that are not indexed yet, because the database is away or because they are new."""

from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import entries
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.queue.names import DEAD
from holdfast.shared.resilience.failure_reporter import FailureReporter

BANNER = (
    "The database does not answer. These are the dead letters that arrived since it went away, from their stream, where"
    " they are safe; those that were indexed before are not shown."
)

_LOOKING = FailureReporter("dead_letters_on_stream")


class Waiting(NamedTuple):
    """The newest letters on the stream, and how many there are."""

    letters: list[Letter]
    total: int


async def newest(redis: Redis, limit: int) -> Waiting | None:
    """None: Redis does not answer either."""
    try:
        with _LOOKING:
            pipeline = redis.pipeline(transaction=False)
            pipeline.xrevrange(DEAD, count=limit)
            pipeline.xlen(DEAD)
            found, count = await pipeline.execute()
    except (RedisError, OSError):
        return None
    return Waiting(_readable(found), count)


async def one(redis: Redis, letter_id: str) -> Letter | None:
    """None: it is not there, or the queue does not answer."""
    try:
        with _LOOKING:
            found = _readable(await redis.xrange(DEAD, letter_id, letter_id))
    except (RedisError, OSError):
        return None
    return found[0] if found else None


async def length(redis: Redis) -> int | None:
    """How many there are; None: the queue does not answer."""
    try:
        with _LOOKING:
            return int(await redis.xlen(DEAD))
    except (RedisError, OSError):
        return None


def _readable(found: Any) -> list[Letter]:
    letters = []
    for entry_id, fields in entries(found):
        try:
            letters.append(read(entry_id, fields))
        except ValueError:  # an id that no stream gives by itself
            continue
    return letters
