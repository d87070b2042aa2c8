"""On the stream: dead letters that are not indexed yet, because the database is away or because they are new."""

from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import entries
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.queue.partitions import ONE, Partitions
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


async def newest(redis: Redis, limit: int, partitions: Partitions = ONE) -> Waiting | None:
    """None: Redis does not answer either."""
    try:
        with _LOOKING:
            pipeline = redis.pipeline(transaction=False)
            for partition in partitions:
                pipeline.xrevrange(partition.dead, count=limit)
                pipeline.xlen(partition.dead)
            replies = await pipeline.execute()
    except (RedisError, OSError):
        return None
    letters = [letter for found in replies[::2] for letter in _readable(found)]
    letters.sort(key=lambda letter: letter.number, reverse=True)
    return Waiting(letters[:limit], sum(replies[1::2]))


async def one(redis: Redis, letter_id: str, partitions: Partitions = ONE) -> Letter | None:
    """None: it is not there, or the queue does not answer."""
    try:
        with _LOOKING:
            pipeline = redis.pipeline(transaction=False)
            for partition in partitions:
                pipeline.xrange(partition.dead, letter_id, letter_id)
            found = [letter for reply in await pipeline.execute() for letter in _readable(reply)]
    except (RedisError, OSError):
        return None
    return found[0] if found else None


async def length(redis: Redis, partitions: Partitions = ONE) -> int | None:
    """How many there are; None: the queue does not answer."""
    try:
        with _LOOKING:
            return sum([int(await redis.xlen(partition.dead)) for partition in partitions])
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
