"""Memory: reads what the queue remembers, and the identity of the servers that hold it."""

import hashlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.agreement import Agreed
from holdfast.shared.queue.names import LOOKS_GROUP, LUA
from holdfast.shared.queue.partitions import ONE, Partitions, mended
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Memory


class MemoryReader:
    """Reads the queue's memory. With `replicas`, it also learns whether as many replicas have what was read as an
    accepted write needs."""

    def __init__(self, redis: Redis, replicas: Replicas | None = None, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._script = Agreed(redis, len(partitions), Script(redis, LUA / "look.lua", replicas))
        self._floor = Script(redis, LUA / "floor.lua")

    async def read(self, since: int = 0, look: int = 0, places: Sequence[str] = ()) -> Memory:
        """Return the queue's memory, and leave a mark of this look in the queue.

        `since`: a version; late entries that are older are forgotten. `look`: the number of this look, which is stored
        in each partition that remembers no greater number. `places`: what was counted for each partition, as an
        earlier memory has it; another stream or another server stores no number. Empty: any. Each partition names its
        server and its stream in the same step. Raises NotSent, RedisError, OSError.
        """
        safe, replies = True, list[Any]()
        for partition, place in zip(self._partitions, places or [""] * len(self._partitions), strict=True):
            try:
                keys = [partition.writes, partition.look, partition.ledger]
                replies.append(await self._script(keys, [look, since, place, LOOKS_GROUP]))
            except TooFewReplicas as few:
                replies.append(few.reply)
                safe = False
        looks, entries, oldest, newest, servers, answered, stored = zip(*replies, strict=True)
        return Memory(
            _identity_of([*map(text, servers)]),
            remembered=min(map(int, looks)),
            entries=sum(map(int, entries)),
            oldest=min((versions.from_stream_id(text(first)) for first in oldest if first), default=None),
            newest=max(versions.from_stream_id(text(last)) for last in newest),
            safe=safe,
            latest=max(map(int, stored)),
            places=tuple(map(text, answered)),
        )

    async def end_versions(self, floor: int, seen: int) -> int:
        """Raise the floor of versions and return it: every later version, and the id of every later entry, even one
        that is added by hand, is above the result.

        The result is not below the queue's clock. `floor`: the newest version in the database; `seen`: the newest
        version that was seen on the stream. Raises NotSent, RedisError, OSError.
        """
        for _ in range(min(len(self._partitions), 2)):  # in the second pass, each partition learns the highest floor
            for partition in self._partitions:
                keys = [partition.clock, partition.writes, mended(partition.writes)]
                floor = max(floor, int(await self._floor(keys, [floor, seen])))
        return floor


def _identity_of(servers: Sequence[str]) -> str:
    """Return the identity of the queue's server; with several partitions, a digest of all their servers' identities."""
    return servers[0] if len(servers) == 1 else hashlib.sha256(" ".join(servers).encode()).hexdigest()
