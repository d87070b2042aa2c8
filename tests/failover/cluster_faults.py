"""Faults of a queue on a Redis Cluster, under writes. Each has a cluster and a database of its own."""

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
    """With a dlq_admin, whose auditor looks every second. Looked at is the slot of the first partition."""
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
    """kill -9 of the slot's primary, no writer: replicas are waited for."""
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
    """CLUSTER FAILOVER, with a writer."""
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
    """The slot moves to another primary, with a writer; writes go on in each step of it."""
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
    """kill -9 of the slot's primary and its replica, with a writer: its partitions are away, the others go on."""
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
