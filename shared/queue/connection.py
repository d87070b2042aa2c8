"""Connections to Redis: bounded waits, and no retry that could add an entry twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, RedisError


@dataclass(frozen=True, slots=True)
class RedisTimeouts:
    """Seconds: to connect, and for any one answer."""

    connect_s: float
    io_s: float


class Unsent(ConnectionError):
    """The connection turned out to be dead before anything was sent, and there is no other."""


class _Reviving(AbstractConnection):
    """Of a connection that was reset while nobody used it, uvloop says RuntimeError when something is to be sent.
    Nothing was, so a new connection and once more is no second time."""

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        """Raises Unsent, or what redis-py raises."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError:
            try:
                await self.connect()  # type: ignore[no-untyped-call]  # untyped there
            except (RedisError, OSError) as error:
                raise Unsent from error
            await super().send_packed_command(command, check_health)


class _Plain(_Reviving, Connection):
    pass


class _Encrypted(_Reviving, SSLConnection):
    pass


class _Local(_Reviving, UnixDomainSocketConnection):
    pass


_KINDS = {Connection: _Plain, SSLConnection: _Encrypted, UnixDomainSocketConnection: _Local}


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
    pool.connection_class = _KINDS[pool.connection_class]
    return Redis.from_pool(pool)


def entries(reply: Any) -> list[tuple[str, Mapping[bytes, bytes]]]:
    """A reply that lists stream entries, as (id, fields); ids whose entry is gone are left out."""
    return [(text(entry_id), fields) for entry_id, fields in reply or () if fields]


def text(value: Any) -> str:
    """A reply as text; whatever is no UTF-8 stays visible."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
