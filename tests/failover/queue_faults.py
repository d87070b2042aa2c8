"""Faults of the queue's nodes, under writes."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.names import WRITES
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.ledger import Ledger
from tests import processes
from tests.failover.group import Group, running_group
from tests.failover.table import Faults, Row
from tests.failover.writes import Record, writing
from tests.faults.rig import SILENT
from tests.processes import Service
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, wait_until

WAITING = {"HOLDFAST_QUEUE_REPLICAS": "1", "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.5"}
SETTINGS: dict[str, dict[str, str]] = {
    "api": processes.HASTY_API | {"HOLDFAST_API_BREAKER_OPEN_S": "0.3"},
    "writer": processes.QUICK,
    "dlq_admin": {"HOLDFAST_DLQ_AUDIT_EVERY_S": "1"},
}
_BEHIND_MS = 50
_ENOUGH = 300


class Stage:
    """A group with services on it, which end with the stage."""

    def __init__(self, group: Group, database: Database, folder: Path, stack: ExitStack) -> None:
        self.group = group
        self.database = database
        self.record = Record()
        self._folder = folder
        self._stack = stack

    def start(self, service: str, address: str = "", **more: str) -> Service:
        """A service that finds the queue by Sentinel, or at an address."""
        make = getattr(processes, service)
        stores = {"REDIS_ADDR": address} if address else {"REDIS_ADDR": self.group.address(service)}
        instance = {"HOLDFAST_INSTANCE": f"{service}-{id(stores)}"}
        started: Service = make(self._folder, "", self.database.dsn, **SETTINGS[service] | stores | instance | more)
        self._stack.callback(started.kill)
        return started.start()

    def ended(self, *, promised: bool = True) -> Row:
        """Let a writer finish, and count."""
        self.start("writer")

        def over() -> bool:
            with self.group.primary().client() as client:
                return bool(client.xlen(WRITES) == 0)

        wait_until(over, what="all is settled")
        ledgers: list[Ledger] = []

        def balanced() -> bool:
            ledgers[:] = [asyncio.run(self._ledger())]
            return ledgers[0].missing == 0

        wait_until(balanced, 60, "the ledger balances")
        record, ledger = self.record, ledgers[0]
        with self.database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) - COUNT(DISTINCT name) FROM users WHERE name <> ''")
            doubled = cursor.fetchall()[0][0]
        said = f"missing {ledger.missing}, lost {ledger.lost}, epoch {ledger.epoch}"
        lost = len(record.lost(self.database))
        return Row(len(record.acknowledged), lost, doubled, record.longest_gap_s, said, promised)

    async def _ledger(self) -> Ledger:
        redis = connect(f"127.0.0.1:{self.group.primary().port}", PATIENT_REDIS)
        engine = make_engine(self.database.dsn, PATIENT_DATABASE, 2)
        try:
            return await read_ledger(redis, engine)
        finally:
            await redis.aclose()
            engine.dispose()


@contextmanager
def stage(database: Database, folder: Path, *, through_link: bool = False) -> Iterator[Stage]:
    """With a dlq_admin, whose auditor looks every second."""
    with ExitStack() as stack:
        group = stack.enter_context(running_group(folder, sentinels=3, through_link=through_link))
        made = Stage(group, database, folder, stack)
        made.start("dlq_admin", **WAITING)
        yield made


def _killed(database: Database, folder: Path, **settings: str) -> Row:
    with stage(database, folder) as on:
        api = on.start("api", **settings)
        on.group.delay(_BEHIND_MS)
        before = on.group.primary()
        with writing(api, on.record):
            on.record.wait_for(_ENOUGH, 202)
            before.kill()
            on.group.wait_until_moved(before)
            on.record.wait_for(_ENOUGH)
            on.group.rejoin(before)
            on.group.wait_until_whole()
            on.record.wait_for(_ENOUGH)
        return on.ended(promised=bool(settings))


def killed(database: Database, folder: Path) -> Row:
    """kill -9 of the primary, its replica behind, no writer: replicas are waited for."""
    return _killed(database, folder, **WAITING)


def killed_unwaited(database: Database, folder: Path) -> Row:
    """The same, and nobody waits for replicas."""
    return _killed(database, folder)


def planned(database: Database, folder: Path) -> Row:
    """SENTINEL FAILOVER, with a writer, its replica behind."""
    with stage(database, folder) as on:
        api = on.start("api", **WAITING)
        on.start("writer")
        on.group.delay(_BEHIND_MS)
        with writing(api, on.record):
            on.record.wait_for(_ENOUGH, 202)
            on.group.fail_over()
            on.group.wait_until_whole()
            on.record.wait_for(_ENOUGH, 202)
        return on.ended()


def wiped(database: Database, folder: Path) -> Row:
    """FLUSHALL with a backlog, no writer. Loss is not promised away; the ledger names it."""
    with stage(database, folder) as on:
        api = on.start("api", **WAITING)
        with writing(api, on.record):
            on.record.wait_for(_ENOUGH, 202)
        queued = on.record.count(202)

        def accepted() -> int:
            with database.connect() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT MAX(accepted) FROM queue_epochs")
                return int(cursor.fetchall()[0][0] or 0)

        wait_until(lambda: accepted() >= queued, what="the auditor has seen them")
        with on.group.primary().client() as client:
            client.flushall()
        with writing(api, on.record):
            on.record.wait_for(_ENOUGH)
        return on.ended(promised=False)


def split(database: Database, folder: Path) -> Row:
    """The old primary and an api are cut off from Sentinel and the replica; another api is not."""
    with stage(database, folder, through_link=True) as on:
        before = on.group.primary()
        inside = on.start("api", f"127.0.0.1:{before.port}", **WAITING)
        outside = on.start("api", **WAITING)
        with writing(inside, on.record), writing(outside, on.record):
            on.record.wait_for(_ENOUGH, 202)
            on.group.links[0].set(SILENT)
            on.group.wait_until_moved(before)
            on.record.wait_for(_ENOUGH)
            on.group.links[0].heal()
            on.group.wait_until_whole()
            on.record.wait_for(_ENOUGH)
        return on.ended()


FAULTS: Faults = {
    "queue: primary killed, replica 50 ms behind": killed,
    "queue: the same, replicas not waited for": killed_unwaited,
    "queue: planned failover": planned,
    "queue: wiped": wiped,
    "queue: split brain": split,
}
