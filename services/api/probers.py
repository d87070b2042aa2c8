"""Probers: makes the api's probers, one per dependency, which find out whether the dependency is back."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Never, cast

from redis.asyncio import Redis

from holdfast.services.api.breakers import Breakers
from holdfast.services.api.database import Database
from holdfast.services.api.external import External, NotWell
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.http.client import CallFailed
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.breaker.prober import Probe, Prober


def probers(
    breakers: Breakers,
    database: Database,
    queue: Redis,
    cache: Redis,
    limits: Redis,
    proxy: External,
    replicas: Replicas | None,
    partitions: Partitions,
) -> dict[str, Callable[[], Awaitable[Never]]]:
    """Return the probers' loops, by name. Any answer of the right Redis shows that it is there; its callers handle
    refusals. The queue is probed by a write that changes nothing, because a node that is not the primary refuses it."""

    def of(partition: Partition) -> Prober:
        async def write() -> None:
            await cast(Any, queue.hdel(partition.probed, ""))

        asked = [Probe(breakers.queue[partition.number], write)]
        if replicas is not None:
            ask = partial(replicas.ask, queue, partition.probed)
            asked.append(Probe(breakers.queue_replicas[partition.number], ask))
        return Prober(*asked)

    each = {
        "database": database.prober(),
        **{str(breakers.queue[partition.number].name): of(partition) for partition in partitions},
        "cache": Prober(Probe(breakers.cache, cache.ping), Probe(breakers.limits, limits.ping)),
        "external_proxy": Prober(Probe(breakers.external_proxy, proxy.alive, away=(CallFailed, NotWell))),
    }
    return {f"{name}_prober": prober.run for name, prober in each.items()}
