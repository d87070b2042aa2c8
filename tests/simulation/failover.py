"""Failover: promotes the queue's replica, after it was cut off from the primary or had fallen behind, and leaves some
process with the old primary."""

from tests.models.redis.server import RedisModel
from tests.simulation.network import Network
from tests.simulation.plan import Fault

#: Seconds within which a healthy replica has a write.
REPLICATED_AFTER_S = 0.001


class FailoverLevers:
    """The levers for kinds.REPLICATED."""

    def __init__(self, queue: RedisModel, network: Network) -> None:
        self._queue = queue
        self._network = network

    def _failover(self, fault: Fault) -> bool:
        """Fail over. A target like `api-1>queue` names the process that stays with the old primary."""
        if self._queue.dead or not self._queue.replication.delay_s:
            return False
        node, link, _ = fault.target.partition(">")
        self._queue.fail_over([self._network.address(node)] if link else ())
        return True

    _split = _failover

    def _end_split(self, _: Fault) -> None:
        self._queue.reunite()

    def _replica_cut(self, _: Fault) -> bool:
        self._queue.replication.cut()
        return bool(self._queue.replication.delay_s)

    def _end_replica_cut(self, _: Fault) -> None:
        self._queue.replication.mend()

    def _replica_late(self, fault: Fault) -> bool:
        if not self._queue.replication.delay_s:
            return False
        self._queue.replication.delay_s = fault.amount
        return True

    def _end_replica_late(self, _: Fault) -> None:
        self._queue.replication.delay_s = REPLICATED_AFTER_S
