"""Asking: sends one command and reads its reply. The command is packed in C. redis-py's counting and retrying, which
take most of the time of a short command, are skipped."""

from typing import Any

import hiredis
from redis.asyncio import Redis

from holdfast.shared.connections.cluster import ClusterRedis


async def ask(redis: Redis, command: str, *keys: str) -> Any:
    """Return the reply to a command that has only keys. Raises what redis-py raises."""
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
    """Return the pool of connections to the node that owns the key."""
    return (await redis.at(key) if isinstance(redis, ClusterRedis) else redis).connection_pool


async def give_back(pool: Any, connection: Any, *, answered: bool) -> None:
    """Return a connection to its pool. A connection with an outstanding reply is closed, because its next user must not
    read that reply. Never waits, so that neither another cancellation nor a hanging server keeps the connection from
    the pool."""
    if not answered:
        await connection.disconnect()
    await pool.release(connection)


def packed(*parts: str | bytes | int) -> bytes:
    """Return a command as bytes of the protocol."""
    return hiredis.pack_command(parts)  # type: ignore[arg-type, no-any-return]  # its stub knows tuples of one only
