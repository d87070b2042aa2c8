"""Redis servers under contract: the model, and real servers. Each can be put into the states that a test needs."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.redis import RedisTimeouts, connect
from tests.models.redis_server import RedisModel, listening

_TIMEOUTS = RedisTimeouts(connect_s=60, io_s=60)

State = Callable[[bool], Awaitable[Any]]


@dataclass
class Subject:
    """A server, with functions that switch its states on and off."""

    name: str
    address: str
    redis: Redis
    full: State
    replica: State

    def client(self) -> Redis:
        """Return another client of the server."""
        return connect(self.address, _TIMEOUTS, pool_size=1)


@asynccontextmanager
async def model() -> AsyncIterator[Subject]:
    """Yield the model, behind a socket."""
    server = RedisModel(time.time)

    async def full(on: bool) -> None:
        server.fill(on)

    async def replica(on: bool) -> None:
        server.read_only(on)

    async with listening(server) as port:
        redis = connect(f"127.0.0.1:{port}", _TIMEOUTS)
        try:
            yield Subject("model", f"127.0.0.1:{port}", redis, full, replica)
        finally:
            await redis.aclose()


@asynccontextmanager
async def real(address: str) -> AsyncIterator[Subject]:
    """Yield a real server, emptied."""
    redis: Any = connect(address, _TIMEOUTS)

    async def full(on: bool) -> None:
        await redis.config_set("maxmemory", "1" if on else "0")

    async def replica(on: bool) -> None:
        await redis.execute_command("REPLICAOF", *(("127.0.0.1", "1") if on else ("NO", "ONE")))

    await redis.flushall()
    try:
        yield Subject("real", address, redis, full, replica)
    finally:
        await full(False)
        await replica(False)
        await redis.aclose()
