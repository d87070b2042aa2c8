"""Memory: what the queue remembers, and who it is."""

import hashlib
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.cluster import ClusterRedis
from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Memory


class MemoryReader:
    """With `replicas` it is known whether as many of them have what it read, as of an accepted write."""

    def __init__(self, redis: Redis, replicas: Replicas | None = None, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._script = Script(redis, LUA / "look.lua", replicas)
        self._floor = Script(redis, LUA / "floor.lua")

    async def read(self, since: int = 0, look: int = 0) -> Memory | None:
        """And forget late entries that are older than `since`, a version; and leave `look` in each partition that
        remembers no greater one. None: another server took over halfway. Raises NotSent, RedisError, OSError."""
        identity, safe, replies = await self._identity(), True, list[Any]()
        for partition in self._partitions:
            try:
                keys = [partition.writes, partition.look, partition.ledger]
                replies.append(await self._script(keys, [look, since]))
            except TooFewReplicas as few:
                replies.append(few.reply)
                safe = False
        if identity != await self._identity():
            return None
        oldest = [versions.from_stream_id(text(first)) for _, _, first, _ in replies if first]
        return Memory(
            identity,
            remembered=min(int(before) for before, _, _, _ in replies),
            entries=sum(int(entries) for _, entries, _, _ in replies),
            oldest=min(oldest, default=None),
            newest=max(versions.from_stream_id(text(last)) for _, _, _, last in replies),
            safe=safe,
            latest=max(int(before) for before, _, _, _ in replies),
        )

    async def end_versions(self, floor: int, seen: int) -> int:
        """From now on each version that is given out is above the result, and that above the queue's time. `floor`: the
        newest version in the database; `seen`: of the stream. Raises NotSent, RedisError, OSError."""
        for _ in range(min(len(self._partitions), 2)):  # the second time, each learns of the highest
            for partition in self._partitions:
                floor = max(floor, int(await self._floor([partition.clock, partition.writes], [floor, seen])))
        return floor

    async def _identity(self) -> str:
        """Of the server that has the queue; of several partitions, and of how many, a digest of all their servers'."""
        if len(self._partitions) == 1:
            return await _identity_of(self._redis)
        servers = [
            await _identity_of(
                await self._redis.at(each.writes) if isinstance(self._redis, ClusterRedis) else self._redis
            )
            for each in self._partitions
        ]
        return hashlib.sha256(" ".join(servers).encode()).hexdigest()


async def _identity_of(redis: Redis) -> str:
    server, replication = await redis.info("server"), await redis.info("replication")
    return f"{server['run_id']}:{replication['master_replid']}"
