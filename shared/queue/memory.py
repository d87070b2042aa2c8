"""Memory: what the queue remembers, and who it is."""

import hashlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import ONE, Partitions, mended
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Memory


class MemoryReader:
    """With `replicas` it is known whether as many of them have what it read, as of an accepted write."""

    def __init__(self, redis: Redis, replicas: Replicas | None = None, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._script = Script(redis, LUA / "look.lua", replicas)
        self._floor = Script(redis, LUA / "floor.lua")

    async def read(self, since: int = 0, look: int = 0, servers: Sequence[str] = ()) -> Memory:
        """And forget late entries that are older than `since`, a version; and leave `look` in each partition that
        remembers no greater one, and is on its server of `servers`, or any. Each says in the same step which server it
        is. Raises NotSent, RedisError, OSError."""
        safe, replies = True, list[Any]()
        for partition, server in zip(self._partitions, servers or [""] * len(self._partitions), strict=True):
            try:
                keys = [partition.writes, partition.look, partition.ledger]
                replies.append(await self._script(keys, [look, since, server]))
            except TooFewReplicas as few:
                replies.append(few.reply)
                safe = False
        looks, entries, oldest, newest, answered = zip(*replies, strict=True)
        answering = tuple(map(text, answered))
        return Memory(
            _identity_of(answering),
            remembered=min(map(int, looks)),
            entries=sum(map(int, entries)),
            oldest=min((versions.from_stream_id(text(first)) for first in oldest if first), default=None),
            newest=max(versions.from_stream_id(text(last)) for last in newest),
            safe=safe,
            latest=max(map(int, looks)),
            servers=answering,
        )

    async def end_versions(self, floor: int, seen: int) -> int:
        """From now on each version that is given out, and each id, whoever adds the entry, is above the result, and
        that above the queue's time. `floor`: the newest version in the database; `seen`: of the stream. Raises
        NotSent, RedisError, OSError."""
        for _ in range(min(len(self._partitions), 2)):  # the second time, each learns of the highest
            for partition in self._partitions:
                keys = [partition.clock, partition.writes, mended(partition.writes)]
                floor = max(floor, int(await self._floor(keys, [floor, seen])))
        return floor


def _identity_of(servers: Sequence[str]) -> str:
    """Of the server that has the queue; of several partitions, and of how many, a digest of all their servers'."""
    return servers[0] if len(servers) == 1 else hashlib.sha256(" ".join(servers).encode()).hexdigest()
