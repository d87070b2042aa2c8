"""On the stream: dead letters that are not indexed yet, because the database is down or because they are new."""

from collections.abc import Awaitable, Callable
from itertools import chain
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis

from holdfast.shared.connections.redis import entries
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.queue.asking import AWAY, ask_each
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter

_BANNER = "Dead letters that arrived since then are safe on their stream; those that were indexed before are not shown."

T = TypeVar("T")

_LOOKING = FailureReporter("dead_letters_on_stream")


def banner(refusal: str | None) -> str:
    """Return the text of a page without the index. `refusal`: the database's error, if it answers but refuses."""
    why = f"The database answers, and refuses: {refusal}." if refusal else "The database does not answer."
    return f"{why} {_BANNER}"


class Waiting(NamedTuple):
    """The newest letters on the stream, and the number of all of them."""

    letters: list[Letter]
    total: int


async def newest(redis: Redis, limit: int, partitions: Partitions = ONE) -> Waiting | None:
    """Return the newest letters of the partitions that answer, or None if none does."""

    async def ask(partition: Partition) -> tuple[list[Letter], int]:
        pipeline = redis.pipeline(transaction=False)
        pipeline.xrevrange(partition.dead, count=limit)
        pipeline.xlen(partition.dead)
        found, total = await pipeline.execute()
        return _readable(found), total

    if not (answers := await _ask(partitions, ask)):
        return None
    letters = [letter for found, _ in answers for letter in found]
    letters.sort(key=lambda letter: letter.number, reverse=True)
    return Waiting(letters[:limit], sum(total for _, total in answers))


async def one(redis: Redis, letter_id: str, partitions: Partitions = ONE) -> Letter | None:
    """Return a letter, or None if it is not on the stream or its partition does not answer."""

    async def ask(partition: Partition) -> list[Letter]:
        return _readable(await redis.xrange(partition.dead, letter_id, letter_id))

    return next(chain.from_iterable(await _ask(partitions, ask)), None)


async def length(redis: Redis, partitions: Partitions = ONE) -> int | None:
    """Return the number of letters in the partitions that answer, or None if none does."""

    async def ask(partition: Partition) -> int:
        return int(await redis.xlen(partition.dead))

    answers = await _ask(partitions, ask)
    return sum(answers) if answers else None


async def _ask(partitions: Partitions, ask: Callable[[Partition], Awaitable[T]]) -> list[T]:
    answers = await ask_each(partitions, ask)
    with _LOOKING.suppressing(*AWAY):
        answers.complete()
    return list(answers.of.values())


def _readable(found: Any) -> list[Letter]:
    letters = []
    for entry_id, fields in entries(found):
        try:
            letters.append(read(entry_id, fields))
        except ValueError:  # a stream never makes such an id
            continue
    return letters
