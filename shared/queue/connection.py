"""Connections to Redis: bounded waits, and no retry that could add an entry twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


@dataclass(frozen=True, slots=True)
class RedisTimeouts:
    """Seconds: to connect, and for any one answer."""

    connect_s: float
    io_s: float


def redis_url(address: str) -> str:
    """`host:port` or a redis:// URL -> a URL."""
    return address if "://" in address else f"redis://{address}"


def connect(address: str, timeouts: RedisTimeouts, pool_size: int = 16) -> Redis:
    """A client that connects on first use and never retries by itself."""
    pool = BlockingConnectionPool.from_url(
        redis_url(address),
        max_connections=pool_size,
        timeout=timeouts.io_s,
        socket_connect_timeout=timeouts.connect_s,
        socket_timeout=timeouts.io_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
    return Redis.from_pool(pool)


def entries(reply: Any) -> list[tuple[str, Mapping[bytes, bytes]]]:
    """A reply that lists stream entries, as (id, fields); ids whose entry is gone are left out."""
    return [(text(entry_id), fields) for entry_id, fields in reply or () if fields]


def text(value: Any) -> str:
    """A reply as text; whatever is no UTF-8 stays visible."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
