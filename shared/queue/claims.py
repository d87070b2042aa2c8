"""Claims: unique values in a queue with several partitions. A value may belong to another partition than the write, so
it is claimed before the write is accepted and released after the write is settled. With one partition, accept.lua and
settle.lua claim and release in their own step.

A claim whose write was never accepted, or whose release did not arrive, is removed by the sweeper
(services/dlq_admin/auditor/sweeper.py) when its lease is over. The unique index in the database stays the truth.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import Partition, Partitions

#: How long a claim holds before its write is on the stream, in seconds: far longer than an accept may take.
_LEASE_S = 60

#: A unique value: the name of the claims, and the key.
Value = tuple[str, str]


class Change(NamedTuple):
    """The instruction to `release` or `reserve` a value for an operation. `version`: the version of the operation's
    write when the value is released; later writes have a greater version."""

    act: str
    version: int
    entity_id: str
    operation_id: str
    value: Value
    #: Release the value only if its lease ends at this time, in microseconds; empty: whenever the lease ends.
    until: str = ""


class Wish(NamedTuple):
    """The request to claim values of one partition for an operation."""

    entity_id: str
    operation_id: str
    values: Sequence[Value]


class Claimed(NamedTuple):
    """The answer to a wish. `floor`: the version that the write's version has to exceed."""

    floor: int
    #: The first value that a write of another entity claims, or None.
    taken: Value | None
    #: The changes that release what this call claimed, and nothing that another call claimed for the same operation.
    undo: Sequence[Change] = ()


#: Calls a script for a partition. It may also refuse the call with an error of its own.
Call = Callable[[Partition, Script, Sequence[str], Sequence[str | int]], Awaitable[Any]]


async def _plainly(_: Partition, script: Script, keys: Sequence[str], arguments: Sequence[str | int]) -> Any:
    return await script(keys, arguments)


class Claims:
    """Claims and releases the unique values of a queue with several partitions. Every method raises the errors of a
    Script, or those of `call`."""

    def __init__(
        self, redis: Redis, partitions: Partitions, replicas: Replicas | None = None, call: Call = _plainly
    ) -> None:
        self._partitions = partitions
        self._call = call
        self._claim = Script(redis, LUA / "claim.lua", replicas)
        self._change = Script(redis, LUA / "change_claims.lua", replicas)

    async def claim_in(self, partition: Partition, wishes: Sequence[Wish]) -> list[Claimed]:
        """Answer each wish, all in one call. A value that is taken does not keep the other values from being
        claimed."""
        names = {partition.prefix + name for wish in wishes for name, _ in wish.values}
        arguments = [part for wish in wishes for value in wish.values for part in (*wish[:2], *value)]
        released, *answers = await self._call(
            partition,
            self._claim,
            [f"{partition.prefix}released", *sorted(names)],
            [partition.prefix, _LEASE_S, *arguments],
        )
        left = iter(map(text, answers))
        return [_claimed(int(released), wish, [next(left) for _ in wish.values]) for wish in wishes]

    async def change(self, changes: Iterable[Change]) -> None:
        """Release or reserve values, in one call per partition."""
        for partition, mine in self.by_partition(changes).items():
            await self.change_in(partition, mine)

    async def change_in(self, partition: Partition, changes: Sequence[Change]) -> None:
        """Release or reserve values of one partition, in one call."""
        names = sorted({partition.prefix + change.value[0] for change in changes})
        arguments = [part for change in changes for part in (*change[:4], change.until, *change.value)]
        await self._call(
            partition, self._change, [f"{partition.prefix}released", *names], [partition.prefix, *arguments]
        )

    def by_partition(self, changes: Iterable[Change]) -> dict[Partition, list[Change]]:
        """Return the changes by the partition of their values."""
        parts: dict[Partition, list[Change]] = {}
        for change in changes:
            parts.setdefault(self.of(change.value), []).append(change)
        return parts

    def of(self, value: Value) -> Partition:
        """Return the partition of a value."""
        return self._partitions.of_text(" ".join(value))


def _claimed(floor: int, wish: Wish, answers: Sequence[str]) -> Claimed:
    pairs_ = list(zip(wish.values, answers, strict=True))
    taken = next((value for value, answer in pairs_ if answer == "taken"), None)
    undo = [
        Change("release", 0, wish.entity_id, wish.operation_id, value, until)
        for value, until in pairs_
        if until not in ("", "taken")
    ]
    return Claimed(floor, taken, undo)


class Kept(NamedTuple):
    """A claim of one operation, as the queue keeps it. `until`: the end of its lease, in microseconds."""

    value: Value
    entity_id: str
    operation_id: str
    until: str


async def overdue(redis: Redis, partition: Partition, name: str, most: int) -> AsyncIterator[list[Kept]]:
    """Yield pages of the claims of this name whose lease is over. Raises RedisError, OSError."""
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
