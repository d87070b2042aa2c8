"""Claims: unique values where the queue has several partitions. Each value is of a partition of its own, so it is
claimed before the write is accepted and released after it is settled; with one partition accept.lua and settle.lua do
both in their one step.

A claim that was made and whose write was never accepted, or whose release did not arrive, is taken away by the sweeper
(services/dlq_admin/auditor/sweeper.py) when its lease is over. The unique index in the database stays the truth.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import Partition, Partitions

#: How long a claim holds before its write is on the stream (s): far longer than an accept may take.
_LEASE_S = 60

#: The name of the claims, and the key.
Value = tuple[str, str]


class Claimed(NamedTuple):
    """The answer to a claim. `floor`: the write's version has to be above it."""

    floor: int
    #: Which of the values another entity's write claims; None: none.
    taken: int | None
    #: The operation claimed none of them before.
    new: bool = True


class Change(NamedTuple):
    """`release` or `reserve` a value for an operation. `version`: of its write; later ones are newer."""

    act: str
    version: int
    entity_id: str
    operation_id: str
    value: Value
    #: Release it only while its lease ends then, in microseconds; empty: whenever it ends.
    until: str = ""


class Claims:
    """Of one queue with several partitions. Everything raises like a Script."""

    def __init__(self, redis: Redis, partitions: Partitions, replicas: Replicas | None = None) -> None:
        self._partitions = partitions
        self._claim = Script(redis, LUA / "claim.lua", replicas)
        self._change = Script(redis, LUA / "unclaim.lua", replicas)

    async def claim(self, values: Sequence[Value], entity_id: str, operation_id: str) -> Claimed:
        """Claim all of them. Those claimed before another was found taken are released again."""
        floor, new, done = 0, True, list[Value]()
        for partition, numbers in self._parts(values):
            mine = [values[number] for number in numbers]
            names = [part for value in mine for part in value]
            released, taken, first = await self._claim(
                [f"{partition.prefix}released", *(partition.prefix + name for name, _ in mine)],
                [partition.prefix, _LEASE_S, entity_id, operation_id, *names],
            )
            floor = max(floor, int(released))
            if int(taken) >= 0:
                if new:
                    await self.change(Change("release", 0, entity_id, operation_id, value) for value in done)
                return Claimed(floor, numbers[int(taken)])
            new = new and bool(first)
            done += mine
        return Claimed(floor, None, new)

    async def change(self, changes: Iterable[Change]) -> None:
        """Release or reserve, a call for each partition."""
        by_partition: dict[Partition, list[Change]] = {}
        for change in changes:
            by_partition.setdefault(self._partitions.of_text(" ".join(change.value)), []).append(change)
        for partition, mine in by_partition.items():
            names = sorted({partition.prefix + change.value[0] for change in mine})
            arguments = [part for change in mine for part in (*change[:4], change.until, *change.value)]
            await self._change([f"{partition.prefix}released", *names], [partition.prefix, *arguments])

    def _parts(self, values: Sequence[Value]) -> list[tuple[Partition, list[int]]]:
        parts: dict[Partition, list[int]] = {}
        for number, value in enumerate(values):
            parts.setdefault(self._partitions.of_text(" ".join(value)), []).append(number)
        return list(parts.items())


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
