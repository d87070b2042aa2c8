"""The api's probers, one for each dependency: how each of them is asked whether it is back."""

from collections.abc import Awaitable, Callable
from typing import Never

from redis.asyncio import Redis

from holdfast.services.api.breakers import Breakers
from holdfast.services.api.database import Database
from holdfast.services.api.external import External, NotWell
from holdfast.shared.http.client import CallFailed
from holdfast.shared.resilience.breaker.prober import Probe, Prober


def probers(
    breakers: Breakers, database: Database, queue: Redis, cache: Redis, limits: Redis, proxy: External
) -> dict[str, Callable[[], Awaitable[Never]]]:
    """Loops, by name. Any answer of Redis says that it is there: a refusal is its caller's to handle."""
    each = {
        "database": database.prober(),
        "queue": Prober(Probe(breakers.queue, queue.ping)),
        "cache": Prober(Probe(breakers.cache, cache.ping), Probe(breakers.limits, limits.ping)),
        "external_proxy": Prober(Probe(breakers.external_proxy, proxy.alive, away=(CallFailed, NotWell))),
    }
    return {f"{name}_prober": prober.run for name, prober in each.items()}
