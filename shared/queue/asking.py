"""Asking: the rule for every question to several partitions of the queue. Each partition is asked separately; the
answers that arrive count, and the caller learns which partitions did not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from redis.exceptions import RedisError

from holdfast.shared.connections.script import NotSent
from holdfast.shared.queue.partitions import Partition

T = TypeVar("T")

#: The errors of a call to a partition that is down.
AWAY = (NotSent, RedisError, OSError)


class Answers(NamedTuple, Generic[T]):
    """The answers by partition. `away`: the errors of the partitions that did not answer."""

    of: dict[Partition, T]
    away: dict[Partition, Exception]

    def complete(self) -> dict[Partition, T]:
        """Return the answers if every partition answered. Raises the error of a partition that did not."""
        for error in self.away.values():
            raise error
        return self.of


async def ask_each(partitions: Iterable[Partition], ask: Callable[[Partition], Awaitable[T]]) -> Answers[T]:
    """Ask all partitions concurrently. Raises an error of a partition that does not mean that the partition is down."""
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
