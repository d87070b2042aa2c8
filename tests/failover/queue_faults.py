"""Faults of the queue's nodes, under writes. Each has a group and a database of its own."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import migrate
from tests.failover.group import Group, running_group
from tests.failover.stage import ENOUGH, Stage
from tests.failover.table import Faults, Row
from tests.failover.writes import writing
from tests.faults.rig import SILENT
from tests.servers import Database, wait_until

_WAITING = {"HOLDFAST_QUEUE_REPLICAS": "1", "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.5"}
_BEHIND_MS = 50


@contextmanager
def _stage(folder: Path, *, through_link: bool = False) -> Iterator[tuple[Stage, Group]]:
    """With a dlq_admin, whose auditor looks every second."""
    with ExitStack() as stack:
        group = stack.enter_context(running_group(folder, sentinels=3, through_link=through_link))
        database = Database(folder)
        database.start()
        stack.callback(database.kill)
        migrate(database.dsn)
        made = Stage(group.primary, group.address, lambda: database, database.dsn, folder, stack)
        made.start("dlq_admin", **_WAITING)
        yield made, group


def _killed(folder: Path, **settings: str) -> Row:
    """Without waiting, the replica has nothing of the last writes."""
    with _stage(folder) as (on, group):
        api = on.start("api", **settings)
        group.delay(_BEHIND_MS)
        before = group.primary()
        with writing(api, on.record):
            on.record.wait_for(ENOUGH, 202)
            if not settings:
                group.links[0].set(SILENT)
                on.record.wait_for(ENOUGH, 202)
                queued = on.record.count(202)
                wait_until(lambda: on.accepted() >= queued, what="the auditor has seen them")
            before.kill()
            group.wait_until_moved(before)  # what the link holds back must not arrive before that
            group.links[0].heal()
            on.record.wait_for(ENOUGH)
            group.rejoin(before)
            group.wait_until_whole()
            on.record.wait_for(ENOUGH)
        return on.ended(promised=bool(settings))


def killed(folder: Path) -> Row:
    """kill -9 of the primary, its replica behind, no writer: replicas are waited for."""
    return _killed(folder, **_WAITING)


def killed_unwaited(folder: Path) -> Row:
    """The same, replicas are not waited for, and the link is silent at last. The ledger names the loss."""
    return _killed(folder)


def planned(folder: Path) -> Row:
    """SENTINEL FAILOVER, with a writer, its replica behind."""
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
    """FLUSHALL with a backlog, no writer. Loss is not promised away; the ledger names it."""
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
    """The old primary and an api are cut off from Sentinel and the replica; another api is not."""
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
    "queue: the same, replicas not waited for, link silent": killed_unwaited,
    "queue: planned failover": planned,
    "queue: wiped": wiped,
    "queue: split brain": split,
}
