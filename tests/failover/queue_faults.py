"""Faults of the queue's nodes, while clients write. Each fault has a group and a database of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from holdfast.shared.queue.names import WRITES
from tests.conftest import migrate
from tests.failover.group import Group, running_group
from tests.failover.stage import ENOUGH, Stage
from tests.failover.table import Faults, Row
from tests.failover.writes import writing
from tests.faults.rig import SILENT
from tests.servers import Database, RedisServer, wait_until

_WAITING = {"HOLDFAST_QUEUE_REPLICAS": "1", "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.5"}
_BEHIND_MS = 50


@contextmanager
def _stage(
    folder: Path, *, sentinels: int = 3, through_link: bool = False, waiting: bool = True
) -> Iterator[tuple[Stage, Group]]:
    """Yield a stage with a dlq_admin, whose auditor runs every second. `waiting`: dlq_admin waits for replicas, as the
    apis do."""
    with ExitStack() as stack:
        group = stack.enter_context(running_group(folder, sentinels=sentinels, through_link=through_link))
        database = Database(folder)
        database.start()
        stack.callback(database.kill)
        migrate(database.dsn)
        made = Stage(group.address, lambda: database, database.dsn, folder, stack)
        made.start("dlq_admin", **(_WAITING if waiting else {}))
        yield made, group


def killed(folder: Path) -> Row:
    """Kill the primary with SIGKILL while its replica is behind, without a writer. Apis wait for replicas."""
    with _stage(folder) as (on, group):
        api = on.start("api", **_WAITING)
        group.delay(_BEHIND_MS)
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            before = group.primary()
            before.kill()
            _moved(on, group, before)
        return on.ended()


def killed_unwaited(folder: Path) -> Row:
    """Kill the primary with SIGKILL after its replica was cut off, without a writer. Apis do not wait for replicas. The
    replica lacks entries that the auditor has seen, and the ledger names the loss."""
    with _stage(folder, sentinels=1, waiting=False) as (on, group):
        api = on.start("api")
        before = group.primary()
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            group.links[0].set(SILENT)
            on.record.wait_for(ENOUGH, 202)
            queued = on.record.count(202)
            wait_until(lambda: on.accepted() >= queued, what="the auditor has seen them")
            assert _entries(group.nodes[1]) < queued, "the replica has what its silent link held back"
            before.kill()
            group.wait_until_moved(before)  # data that the link holds back must not arrive before the failover
            group.links[0].heal()
            _moved(on, group, before)
        return on.ended(promised=False)


def _entries(node: RedisServer) -> int:
    with node.client() as client:
        return int(client.xlen(WRITES))


def _moved(on: Stage, group: Group, before: RedisServer) -> None:
    """Wait until another node takes over, and restart the old primary as a replica, while clients write."""
    group.wait_until_moved(before)
    on.record.wait_for(ENOUGH)
    group.rejoin(before)
    group.wait_until_whole()
    on.record.wait_for(ENOUGH)


def planned(folder: Path) -> Row:
    """Run SENTINEL FAILOVER while the replica is behind, with a writer."""
    with _stage(folder) as (on, group):
        api = on.start("api", **_WAITING)
        on.start("writer")
        group.delay(_BEHIND_MS)
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            group.fail_over()
            group.wait_until_whole()
            on.record.wait_for(ENOUGH, 202)
        return on.ended()


def wiped(folder: Path) -> Row:
    """Run FLUSHALL with a backlog, without a writer. The loss breaks no promise; the ledger names it."""
    with _stage(folder) as (on, group):
        api = on.start("api", **_WAITING)
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
        queued = on.record.count(202)

        wait_until(lambda: on.accepted() >= queued, what="the auditor has seen them")
        with group.primary().client() as client:
            client.flushall()
        with writing(api, on.record):
            on.record.wait_for(ENOUGH)
        return on.ended(promised=False)


def split(folder: Path) -> Row:
    """Cut off the old primary and an api from Sentinel and the replica; another api is not cut off."""
    with _stage(folder, through_link=True) as (on, group):
        before = group.primary()
        inside = on.start("api", f"127.0.0.1:{before.port}", **_WAITING)
        outside = on.start("api", **_WAITING)
        with writing(inside, on.record), writing(outside, on.record):
            on.record.wait_for(ENOUGH, 202)
            group.links[0].set(SILENT)
            group.wait_until_moved(before)
            on.record.wait_for(ENOUGH)
            group.links[0].heal()
            group.wait_until_whole()
            on.record.wait_for(ENOUGH)
        return on.ended()


FAULTS: Faults = {
    "queue: primary killed, replica 50 ms behind": killed,
    "queue: the same, replicas not waited for, replica cut off": killed_unwaited,
    "queue: planned failover": planned,
    "queue: wiped": wiped,
    "queue: split brain": split,
}
