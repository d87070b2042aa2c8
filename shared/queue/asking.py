"""Asking: the rule for all that is about several partitions of the queue. Each is asked by itself; what those answer
that do counts, and who asked knows which do not."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from redis.exceptions import RedisError

from holdfast.shared.connections.script import NotSent
from holdfast.shared.queue.partitions import Partition

T = TypeVar("T")

#: What is raised by a partition that is away.
AWAY = (NotSent, RedisError, OSError)


class Answers(NamedTuple, Generic[T]):
    """By partition. `away`: why the others do not answer."""

    of: dict[Partition, T]
    away: dict[Partition, Exception]

    def complete(self) -> dict[Partition, T]:
        """Of all. Raises what one raised that is away."""
        for error in self.away.values():
            raise error
        return self.of


async def ask_each(partitions: Iterable[Partition], ask: Callable[[Partition], Awaitable[T]]) -> Answers[T]:
    """All at once. Raises what any of them raises that does not mean that it is away."""
    asked = list(partitions)
    answers: Answers[T] = Answers({}, {})
    for partition, answer in zip(asked, await asyncio.gather(*map(ask, asked), return_exceptions=True), strict=True):
        if isinstance(answer, AWAY):
            answers.away[partition] = answer
        elif isinstance(answer, BaseException):
            raise answer
        else:
            answers.of[partition] = answer
    return answers
