"""Asking: one command and its reply. It is packed in C, and nothing is done for what redis-py counts and retries, which
takes most of the time of a short command."""

from typing import Any

import hiredis
from redis.asyncio import Redis

from holdfast.shared.connections.cluster import ClusterRedis


async def ask(redis: Redis, command: str, *keys: str) -> Any:
    """The reply to a command that has only keys. Raises what redis-py raises."""
    pool = await pool_at(redis, keys[0])
    connection = await pool.get_connection()
    answered = False
    try:
        await connection.send_packed_command(packed(command, *keys))
        reply = await connection.read_response()
        answered = True
        return reply
    finally:
        await give_back(pool, connection, answered=answered)


async def pool_at(redis: Redis, key: str) -> Any:
    """The pool of connections to the node that owns the key."""
    return (await redis.at(key) if isinstance(redis, ClusterRedis) else redis).connection_pool


async def give_back(pool: Any, connection: Any, *, answered: bool) -> None:
    """To its pool. What is still to be answered is closed: the next user of the connection must not read the reply.
    This waits for nothing: neither another cancellation nor a server that hangs keeps it from its place."""
    if not answered:
        await connection.disconnect(nowait=True)
    await pool.release(connection)


def packed(*parts: str | bytes | int) -> bytes:
    """A command as bytes of the protocol."""
    return hiredis.pack_command(parts)  # type: ignore[arg-type, no-any-return]  # its stub knows tuples of one only
