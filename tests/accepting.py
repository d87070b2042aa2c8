"""Acceptance without an api process around it."""

from typing import Any

from redis.asyncio import Redis

from holdfast.services.api.accept import Acceptor
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.writes.versions import Clock


class EmptyDatabase:
    """A stand-in for the version floor, over a database that holds no version."""

    async def tried(self) -> None:
        """Return at once."""

    async def read(self) -> None:
        """Return at once: there is no floor."""


def acceptor(
    redis: Redis,
    *,
    clock: Clock | None = None,
    breaker: Breaker | None = None,
    batch_max: int = 9,
    entity_pending_max: int = 9,
    partition: Partition = QUEUE,
) -> Acceptor:
    """Return the acceptor of one api, over a database that holds nothing."""
    floor: Any = EmptyDatabase()
    return Acceptor(
        redis, clock or Clock(), floor, breaker or Breaker("queue"),
        batch_max=batch_max, key_lifetime_s=60, entity_pending_max=entity_pending_max, partition=partition,
    )  # fmt: skip
