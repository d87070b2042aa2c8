"""Claims: unique values where the queue has several partitions. Each value is of a partition of its own, so it is
claimed before the write is accepted and released after it is settled; with one partition accept.lua and settle.lua do
both in their one step.

A claim that was made and whose write was never accepted, or whose release did not arrive, is taken away by the sweeper
(services/dlq_admin/auditor/sweeper.py) when its lease is over. The unique index in the database stays the truth.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.breaker.refusal import CallRefused

#: What a call to the queue may fail with.
AWAY = (CallRefused, NotSent, RedisError, OSError)

#: How long a claim holds before its write is on the stream (s): far longer than an accept may take.
_LEASE_S = 60

#: The name of the claims, and the key.
Value = tuple[str, str]


class Change(NamedTuple):
    """`release` or `reserve` a value for an operation. `version`: of its write; later ones are newer."""

    act: str
    version: int
    entity_id: str
    operation_id: str
    value: Value
    #: Release it only while its lease ends then, in microseconds; empty: whenever it ends.
    until: str = ""


class Claimed(NamedTuple):
    """The answer to a claim. `floor`: the write's version has to be above it."""

    floor: int
    #: Which of the values another entity's write claims; None: none.
    taken: int | None
    #: Releases what this call claimed, and no other call for the same operation has claimed before or since.
    undo: Sequence[Change] = ()


#: Calls a script for a partition; raises what it raises, or refuses.
Call = Callable[[Partition, Script, Sequence[str], Sequence[str | int]], Awaitable[Any]]


async def _plainly(_: Partition, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
    return await script(keys, arguments)


class Claims:
    """Of one queue with several partitions. Everything raises like a Script, or like `call`."""

    def __init__(
        self, redis: Redis, partitions: Partitions, replicas: Replicas | None = None, call: Call = _plainly
    ) -> None:
        self._partitions = partitions
        self._call = call
        self._claim = Script(redis, LUA / "claim.lua", replicas)
        self._change = Script(redis, LUA / "unclaim.lua", replicas)

    async def claim(self, values: Sequence[Value], entity_id: str, operation_id: str) -> Claimed:
        """Claim all of them, or none: those claimed before another was found taken, or could not be asked for, are
        released again."""
        floor, undo = 0, list[Change]()
        try:
            for partition, numbers in self._parts(values):
                mine = [values[number] for number in numbers]
                names = [part for value in mine for part in value]
                released, taken, *leases = await self._call(
                    partition,
                    self._claim,
                    [f"{partition.prefix}released", *(partition.prefix + name for name, _ in mine)],
                    [partition.prefix, _LEASE_S, entity_id, operation_id, *names],
                )
                floor = max(floor, int(released))
                if int(taken) >= 0:
                    await self._undo(undo)
                    return Claimed(floor, numbers[int(taken)])
                undo += [
                    Change("release", 0, entity_id, operation_id, value, text(until))
                    for value, until in zip(mine, leases, strict=True)
                    if until
                ]
        except AWAY:
            await self._undo(undo)
            raise
        return Claimed(floor, None, undo)

    async def _undo(self, changes: Sequence[Change]) -> None:
        """What is not released is swept up later."""
        with contextlib.suppress(*AWAY):
            await self.change(changes)

    async def change(self, changes: Iterable[Change]) -> None:
        """Release or reserve, a call for each partition."""
        for partition, mine in self.by_partition(changes).items():
            await self.change_in(partition, mine)

    async def change_in(self, partition: Partition, changes: Sequence[Change]) -> None:
        """The same, of values of one partition."""
        names = sorted({partition.prefix + change.value[0] for change in changes})
        arguments = [part for change in changes for part in (*change[:4], change.until, *change.value)]
        await self._call(
            partition, self._change, [f"{partition.prefix}released", *names], [partition.prefix, *arguments]
        )

    def by_partition(self, changes: Iterable[Change]) -> dict[Partition, list[Change]]:
        """Each to the partition of its value."""
        parts: dict[Partition, list[Change]] = {}
        for change in changes:
            parts.setdefault(self._of(change.value), []).append(change)
        return parts

    def _parts(self, values: Sequence[Value]) -> list[tuple[Partition, list[int]]]:
        parts: dict[Partition, list[int]] = {}
        for number, value in enumerate(values):
            parts.setdefault(self._of(value), []).append(number)
        return list(parts.items())

    def _of(self, value: Value) -> Partition:
        return self._partitions.of_text(" ".join(value))


class Kept(NamedTuple):
    """A claim of one operation, as it is kept."""

    value: Value
    entity_id: str
    operation_id: str
    until: str


async def overdue(redis: Redis, partition: Partition, name: str, most: int) -> AsyncIterator[list[Kept]]:
    """Claims of this name whose lease is over, page by page. Raises RedisError, OSError."""
    cursor = 0
    while True:
        reply: Any = await redis.hscan(partition.prefix + name, cursor, count=most)
        cursor, found = reply
        seconds, _ = await redis.time()
        yield [
            Kept((name, text(key)), entity_id, operation_id, until)
            for key, value in found.items()
            for entity_id, operation_id, until in _operations(value)
            if int(until) < seconds * 1_000_000
        ]
        if cursor == 0:
            return


def _operations(value: bytes) -> list[tuple[str, str, str]]:
    entity_id, *words = text(value).split(" ")
    return [(entity_id, operation_id, until) for operation_id, until in zip(words[::2], words[1::2], strict=True)]


def pairs(claims: Sequence[str | int]) -> list[Value]:
    """Of the list that scripts take (entities.py)."""
    flat = [str(part) for part in claims[1:]]
    return list(zip(flat[::2], flat[1::2], strict=True))
