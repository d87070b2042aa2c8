"""The Redis model, by its public name."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.models.redis.server import RedisModel as RedisModel


@asynccontextmanager
async def listening(model: RedisModel, port: int = 0) -> AsyncIterator[int]:
    """Serve the model on a socket, and yield the port. `port`: 0 for any. No connection is left open."""
    server = await asyncio.get_running_loop().create_server(model.protocol, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        model.die()
        server.close()
        await asyncio.sleep(0)  # transports close in a turn of their own
