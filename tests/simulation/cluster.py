"""Cluster: moves a slot of the queue from one server of a Redis Cluster to another while clients use it."""

from collections.abc import Callable, Iterable
from random import Random

from redis.crc import key_slot

from holdfast.shared.connections.cluster import HOME
from tests.models.redis.cluster import Cluster
from tests.simulation.loop import SimulatedLoop
from tests.simulation.plan import Fault

#: Number of steps in which the keys of a slot move, and the longest time until the other servers know the new owner.
_STEPS, _HEARD_S = 8, 1.0


class ClusterLevers:
    """The lever for moving a slot. `keys`: one key of each slot that the queue uses."""

    def __init__(self, cluster: Cluster | None, keys: Iterable[str], loop: SimulatedLoop, chance: Random) -> None:
        self._cluster, self._loop, self._chance = cluster, loop, chance
        self._slots = sorted({key_slot(key.encode()) for key in (HOME, *keys)})
        #: Slots that are being moved.
        self._moving: list[int] = []

    def _move_slot(self, fault: Fault) -> bool:
        cluster = self._cluster
        if cluster is None or not (still := [slot for slot in self._slots if slot not in self._moving]):
            return False
        slot = self._chance.choice(still)
        self._moving.append(slot)
        others = [server for server in cluster.servers if server is not cluster.owner(slot)]
        cluster.begin_move(slot, self._chance.choice(others))
        now_s = self._loop.now_s
        for _ in range(_STEPS):
            self._at(now_s + self._chance.uniform(0, fault.for_s), lambda: self._move_some(cluster, slot))
        return True

    def _move_some(self, cluster: Cluster, slot: int) -> None:
        if slot in self._moving:
            left = cluster.left(slot)
            cluster.move(self._chance.sample(left, self._chance.randint(0, len(left))))

    def _end_move_slot(self, _: Fault) -> None:
        cluster = self._cluster
        assert cluster
        while self._moving:
            cluster.end_move(self._moving.pop())
        self._at(self._loop.now_s + self._chance.uniform(0, _HEARD_S), cluster.hear)

    def _at(self, true_s: float, step: Callable[[], None]) -> None:
        world = self._loop.world
        self._loop.deliver(world, true_s, step, context=world.base.copy())
