"""Claiming: claims unique values before a write is accepted, if the queue has several partitions. Requests that claim
at the same time share a round trip to each partition."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.batcher import Batcher
from holdfast.services.api.breakers import Breakers
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.queue.claims import Change, Claimed, Claims, Value, Wish
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter

#: The errors of a call to the queue.
AWAY = (CallRefused, NotSent, RedisError, OSError)

_RELEASING = FailureReporter("claims_release")

#: A wish with a number that makes it distinct, because another request may have the same operation.
_Numbered = tuple[int, Wish]


class Claiming:
    """Claims values for one api process. Its breakers refuse calls to a partition that is away, or lacks replicas."""

    def __init__(
        self, redis: Redis, partitions: Partitions, breakers: Breakers, replicas: Replicas | None, most: int
    ) -> None:
        """Create the batches of each partition. `most`: most wishes per call."""
        self._breakers = breakers
        self._claims = Claims(redis, partitions, replicas, self._call)
        self._numbers = count()
        self._batchers: list[Batcher[_Numbered, Claimed]] = [
            Batcher(partial(self._look, partition), most=most) for partition in partitions
        ]

    async def claim(self, values: Sequence[Value], entity_id: str, operation_id: str) -> Claimed:
        """Claim all values, or none: if one is taken, or its partition does not answer, the values claimed by this call
        are released again. Raises one of AWAY."""
        parts: dict[Partition, list[Value]] = {}
        for value in values:
            parts.setdefault(self._claims.of(value), []).append(value)
        answers = await asyncio.gather(
            *(
                self._batchers[partition.number].get((next(self._numbers), Wish(entity_id, operation_id, tuple(mine))))
                for partition, mine in parts.items()
            ),
            return_exceptions=True,
        )
        made = [answer for answer in answers if isinstance(answer, Claimed)]
        undo = [change for each in made for change in each.undo]
        failed = next((answer for answer in answers if isinstance(answer, BaseException)), None)
        taken = next((each.taken for each in made if each.taken), None)
        if failed is not None or taken is not None:
            with _RELEASING.suppressing(*AWAY):  # if this fails, the sweeper releases them later
                await self.release(undo)
            undo = []
        if failed is not None:
            raise failed
        return Claimed(max(each.floor for each in made), taken, undo)

    async def release(self, changes: Sequence[Change]) -> None:
        """Release what a request claimed. Raises one of AWAY."""
        await self._claims.change(changes)

    async def _look(self, partition: Partition, wishes: Sequence[_Numbered]) -> Mapping[_Numbered, Claimed | Exception]:
        return dict(zip(wishes, await self._claims.claim_in(partition, [wish for _, wish in wishes]), strict=True))

    async def _call(
        self, partition: Partition, script: Script, keys: Sequence[str], arguments: Sequence[str | int]
    ) -> Any:
        ask = partial(self._breakers.queue[partition.number].call_async, script, keys, arguments)
        of_replicas = self._breakers.replicas_of(partition)
        return await (ask() if of_replicas is None else of_replicas.call_async(ask))
