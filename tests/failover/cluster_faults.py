"""Faults of a queue on a Redis Cluster, while clients write. Each fault has a cluster and a database of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from holdfast.shared.queue.partitions import ONE, Partitions
from tests.conftest import migrate
from tests.failover.cluster import Cluster, running_cluster
from tests.failover.stage import ENOUGH, Stage
from tests.failover.table import Faults, Row
from tests.failover.writes import writing
from tests.servers import Database

_WAITING = {"HOLDFAST_QUEUE_REPLICAS": "1", "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.5"}
_FOUR = Partitions(4)


@contextmanager
def _stage(folder: Path, partitions: Partitions = ONE) -> Iterator[tuple[Stage, Cluster]]:
    """Yield a stage with a dlq_admin, whose auditor runs every second. The cluster's slot is that of the first
    partition."""
    with ExitStack() as stack:
        others_serve = ("--cluster-require-full-coverage", "no")
        cluster = stack.enter_context(running_cluster(folder, partitions[0].writes, *others_serve))
        database = Database(folder)
        database.start()
        stack.callback(database.kill)
        migrate(database.dsn)
        made = Stage(cluster.address, lambda: database, database.dsn, folder, stack, partitions)
        made.start("dlq_admin", **_WAITING)
        yield made, cluster


def killed(folder: Path, partitions: Partitions = ONE) -> Row:
    """Kill the slot's primary with SIGKILL, without a writer. Apis wait for replicas."""
    with _stage(folder, partitions) as (on, cluster):
        api = on.start("api", **_WAITING)
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            before = cluster.kill_owner()
            cluster.wait_until_moved(before)
            on.record.wait_for(ENOUGH)
            before.start()
            cluster.wait_until_whole()
            on.record.wait_for(ENOUGH, 202)
        return on.ended()


def planned(folder: Path) -> Row:
    """Run CLUSTER FAILOVER, with a writer."""
    with _stage(folder) as (on, cluster):
        api = on.start("api", **_WAITING)
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            cluster.fail_over()
            cluster.wait_until_whole()
            on.record.wait_for(ENOUGH, 202)
        return on.ended()


def moved(folder: Path, partitions: Partitions = ONE) -> Row:
    """Move the slot to another primary and back, with a writer; clients write in each step."""
    with _stage(folder, partitions) as (on, cluster):
        api = on.start("api", **_WAITING)
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            to = cluster.other()
            source = cluster.begin_move(to)
            on.record.wait_for(ENOUGH)
            cluster.move_keys(source, to)
            on.record.wait_for(ENOUGH)
            cluster.end_move(to)
            on.record.wait_for(ENOUGH, 202)
            cluster.move(source)
            on.record.wait_for(ENOUGH, 202)
        return on.ended()


def shard_killed(folder: Path, partitions: Partitions) -> Row:
    """Kill the slot's primary and its replica with SIGKILL, with a writer: their partitions are away, the others
    continue."""
    with _stage(folder, partitions) as (on, cluster):
        api = on.start("api", **_WAITING)
        on.start("writer")
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            nodes = cluster.kill_shard()
            on.record.wait_for(ENOUGH, 201)
            on.record.wait_for(ENOUGH, 202)
            for node in nodes:
                node.start()
            cluster.wait_until_whole()
            on.record.wait_for(ENOUGH, 202)
        return on.ended()


FAULTS: Faults = {
    "Redis Cluster: primary of the slot killed": killed,
    "Redis Cluster: planned failover": planned,
    "Redis Cluster: slot moved to another node, and back": moved,
    "Redis Cluster, 4 partitions: primary of one killed": partial(killed, partitions=_FOUR),
    "Redis Cluster, 4 partitions: primary of one and its replica killed": partial(shard_killed, partitions=_FOUR),
    "Redis Cluster, 4 partitions: slot of one moved, and back": partial(moved, partitions=_FOUR),
}
