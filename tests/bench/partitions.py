"""`python -m tests.bench.partitions`: what a write with a unique value costs the nodes of a Redis Cluster, by the
number of the queue's partitions, in processor time, which does not depend on the load of the machine."""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from redis.asyncio import Redis

from deploy.charts import table
from deploy.local.output import echo
from holdfast.services.api.accept import Acceptor
from holdfast.services.api.accept_parts import Accepting, PartitionedAcceptor
from holdfast.services.api.breakers import Breakers, make_breakers
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.services.writer.settle import Settler
from holdfast.shared.connections.redis import connect, entries
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied
from holdfast.shared.writes.versions import Clock
from tests.failover.cluster import Cluster, running_cluster
from tests.servers import PATIENT_REDIS
from tests.stream import new_user, undisputed

_COUNTS, _ROUNDS = (1, 3, 6, 12), 3
#: Requests in flight at once, and entries that a writer settles at once: the highest number that one node sees, at
#: 10,000 writes/s of 50 ms each.
_TOGETHER, _BATCH = 500, 500
_HEAD = ("partitions", "Redis, all nodes", "the busiest node", "writes/s of it, times", "api", "writer, settling")


class _Cost(NamedTuple):
    """The processor time of one write, in µs."""

    nodes: tuple[float, ...]
    api: float
    writer: float


class _Sure:
    """A stand-in for the version floor: the database holds no version."""

    async def tried(self) -> None:
        """Return at once."""

    async def read(self) -> None:
        """Return at once: there is no floor."""


class _NeverHalts:
    def keeps(self, *_: object) -> bool:
        """Return False: the writer never halts."""
        return False


def main() -> None:
    """Measure several rounds in turn, and print a table of the least of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.partitions", description=__doc__)
    parser.add_argument("--writes", type=int, default=10_000, help="how many in each round")
    writes = parser.parse_args().writes
    with tempfile.TemporaryDirectory() as folder, running_cluster(Path(folder), "", replicas=0) as cluster:
        rounds = [{count: asyncio.run(_run(cluster, count, writes)) for count in _COUNTS} for _ in range(_ROUNDS)]
    least = {count: min((each[count] for each in rounds), key=lambda cost: sum(cost.nodes)) for count in _COUNTS}
    one = max(least[1].nodes)
    rows = [
        [
            f"{count}", f"{sum(cost.nodes):.0f} µs", f"{max(cost.nodes):.0f} µs", f"{one / max(cost.nodes):.2f}",
            f"{cost.api:.0f} µs", f"{cost.writer:.0f} µs",
        ]
        for count, cost in least.items()
    ]  # fmt: skip
    echo(table.text(_HEAD, rows))


async def _run(cluster: Cluster, count: int, writes: int) -> _Cost:
    cluster.empty()
    partitions = Partitions(count)
    for partition in partitions:
        at = cluster.of(partition.writes)
        if at.owner() is not (to := cluster.nodes[partition.number % len(cluster.nodes)]):
            at.move(to)
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    try:
        await ensure_groups(redis, partitions)
        acceptor = _acceptor(redis, partitions)
        await acceptor.accept(new_user())
        before, began = _spent(cluster), time.process_time()
        for _ in range(0, writes, _TOGETHER):
            answers = await asyncio.gather(*(acceptor.accept(new_user()) for _ in range(_TOGETHER)))
            assert {answer.result for answer in answers} == {"accepted"}
        accepted = time.process_time()
        await _settle(redis, partitions)
        settled, after = time.process_time(), _spent(cluster)
    finally:
        await redis.aclose()
    nodes = tuple((now - then) / writes * 1e6 for then, now in zip(before, after, strict=True))
    return _Cost(nodes, (accepted - began) / writes * 1e6, (settled - accepted) / writes * 1e6)


def _spent(cluster: Cluster) -> list[float]:
    """Return the processor seconds of each node."""
    spent = []
    for node in cluster.nodes:
        with node.client() as client:
            cpu: Any = client.info("cpu")
            spent.append(cpu["used_cpu_user"] + cpu["used_cpu_sys"])
    return spent


def _acceptor(redis: Redis, partitions: Partitions) -> Accepting:
    floor: Any = _Sure()
    clock, breakers = Clock(), _breakers(len(partitions))

    def of(partition: Partition) -> Acceptor:
        return Acceptor(
            redis, clock, floor, breakers.queue[partition.number],
            batch_max=_TOGETHER, key_lifetime_s=60, entity_pending_max=9, partition=partition,
        )  # fmt: skip

    if len(partitions) == 1:
        return of(partitions[0])
    return PartitionedAcceptor(redis, partitions, of, clock, breakers, None, batch_max=_TOGETHER)


def _breakers(partitions: int) -> Breakers:
    return make_breakers(
        database_timeout_s=12, database_write_timeout_s=12, queue_timeout_s=12, cache_timeout_s=12,
        external_timeout_s=12, open_s=60, partitions=partitions,
    )  # fmt: skip


async def _settle(redis: Redis, partitions: Partitions) -> None:
    """Settle all entries, as a writer does whose database has applied each of them."""
    halting: Any = _NeverHalts()
    deferred = Deferred(1, base_s=1, cap_s=1)
    settle = Settler(
        redis, deferred, halting, undisputed, writer="me", attempts_max=5, probe_cap_s=1, partitions=partitions
    )
    for partition in partitions:
        while read := await redis.xreadgroup(WRITERS_GROUP, "me", {partition.writes: ">"}, count=_BATCH):
            found = [Entry(entry_id, fields, partition) for entry_id, fields in entries(read[0][1])]
            await settle([Handled(one, Delivery(decode(one.fields, one.id), one.id), Applied(1)) for one in found])


if __name__ == "__main__":
    main()
