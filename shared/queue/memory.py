"""Memory: what the queue remembers, and who it is."""

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import LOOK, LUA, WRITES
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Memory


class MemoryReader:
    """With `replicas` it is known whether as many of them have what it read, as of an accepted write."""

    def __init__(self, redis: Redis, replicas: Replicas | None = None) -> None:
        self._redis = redis
        self._script = Script(redis, LUA / "look.lua", replicas)

    async def read(self, look: int) -> Memory | None:
        """And leave the number of this look. None: another server took over halfway. Raises NotSent, RedisError,
        OSError."""
        identity, safe = await self._identity(), True
        try:
            reply = await self._script([WRITES, LOOK], [look])
        except TooFewReplicas as few:
            reply, safe = few.reply, False
        before, entries, first, last = reply
        if identity != await self._identity():
            return None
        newest = versions.from_stream_id(text(last))
        oldest = versions.from_stream_id(text(first)) if first else None
        return Memory(identity, look, int(before), int(entries), oldest, newest, safe)

    async def _identity(self) -> str:
        server, replication = await self._redis.info("server"), await self._redis.info("replication")
        return f"{server['run_id']}:{replication['master_replid']}"
