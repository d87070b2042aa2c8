"""A queue of four partitions: an api's acceptor for it, the claims that it holds, and a database that answers for
it."""

from typing import Any

from redis.asyncio import Redis

from holdfast.services.api.accept import Acceptor
from holdfast.services.api.accept_parts import PartitionedAcceptor
from holdfast.services.api.breakers import Breakers, make_breakers
from holdfast.services.api.claiming import Claiming
from holdfast.shared.letters.find.whole import open_operations
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.writes.versions import Clock
from tests import accepting

FOUR = Partitions(4)


class Known:
    """A database with these open dead letters and ended operations."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.ended: dict[str, int] = {}

    async def audit(self, work: Any, ids: list[str]) -> Any:
        """Return those of the operations that the database has, in place of `work`."""
        if work is open_operations:
            return self.dead.intersection(ids)
        return {each: version for each, version in self.ended.items() if each in ids}


def acceptor(redis: Redis) -> PartitionedAcceptor:
    """Return the acceptor of one api."""
    clock, ours = Clock(), breakers()

    def of(partition: Partition) -> Acceptor:
        return accepting.acceptor(redis, clock=clock, breaker=ours.queue[partition.number], partition=partition)

    return PartitionedAcceptor(redis, FOUR, of, clock, ours, None, batch_max=9)


def claiming(redis: Redis) -> Claiming:
    """Return only the part of an api that claims unique values."""
    return Claiming(redis, FOUR, breakers(), None, 9)


def breakers() -> Breakers:
    """Return the breakers of an api, with long timeouts for a busy machine."""
    patient = dict.fromkeys(
        ("database_timeout_s", "database_write_timeout_s", "queue_timeout_s", "cache_timeout_s", "external_timeout_s"),
        12.0,
    )
    return make_breakers(**patient, open_s=60, partitions=4)


async def claims(redis: Redis) -> list[tuple[str, bytes, bytes]]:
    """Return the name, value and holder of each claim."""
    return [
        (partition.prefix + "emails", key, value)
        for partition in FOUR
        for key, value in (await redis.hgetall(partition.prefix + "emails")).items()
    ]


async def holders(redis: Redis) -> set[str]:
    """Return the operations that hold a value."""
    return {value.split()[1].decode() for _, _, value in await claims(redis)}


async def age(redis: Redis) -> None:
    """Make all leases expire."""
    for name, key, value in await claims(redis):
        await redis.hset(name, key, b" ".join([*value.split()[:2], b"1"]))
