"""Redis: clients of the Redis servers that the settings name. Connections are made on first use."""

from redis.asyncio import Redis

from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.runtime.settings import CacheSettings, QueueSettings


def queue_client(settings: QueueSettings) -> Redis:
    """Return a client of the Redis that holds the streams."""
    return connect(settings.redis_addr, RedisTimeouts(settings.redis_connect_timeout_s, settings.redis_timeout_s))


def queue_replicas(settings: QueueSettings) -> Replicas | None:
    """Return the replicas that must have each write to the queue, or None if none is required."""
    if settings.queue_replicas == 0:
        return None
    return Replicas(settings.queue_replicas, settings.queue_replicas_timeout_s)


def cache_client(settings: CacheSettings, timeout_s: float | None = None) -> Redis:
    """Return a client of the cache Redis, whose data may be lost. `timeout_s`: instead of the setting."""
    seconds = settings.cache_timeout_s if timeout_s is None else timeout_s
    return connect(settings.cache_address, RedisTimeouts(seconds, seconds))
