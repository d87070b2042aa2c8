"""A queue of several partitions on one Redis, of which some are unreachable."""

from typing import Any

from redis.asyncio import Redis

from holdfast.shared.connections.cluster import ClusterRedis, slot_of
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.partitions import Partition
from tests.ports import free_port
from tests.servers import PATIENT_REDIS

_HERE, _AWAY = ("here", 1), ("away", 2)


class Away:
    """`redis` is a cluster client. No server listens where the keys of `partitions` are."""

    def __init__(self, redis: Redis, *partitions: Partition) -> None:
        self.partitions = list(partitions)
        nodes = {_HERE: redis, _AWAY: connect(f"127.0.0.1:{free_port()}", PATIENT_REDIS)}
        topology: Any = self
        self.redis: Redis = ClusterRedis(topology, nodes.__getitem__)

    async def owner(self, slot: int) -> tuple[str, int]:
        """Return the address of a slot's node, as a topology does."""
        return _AWAY if slot in {slot_of(each.writes) for each in self.partitions} else _HERE

    def has(self, place: tuple[str, int]) -> bool:
        """Return whether `place` is one of the two nodes."""
        return place in (_HERE, _AWAY)
