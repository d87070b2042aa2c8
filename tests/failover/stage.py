"""Stage: services on stores that fail, and what became of the writes in the end."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from redis.exceptions import RedisError

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.backlog import backlog
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.ledger import Ledger
from tests import processes
from tests.failover.table import Row
from tests.failover.writes import Node, Record
from tests.processes import Service
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, wait_until

_SETTINGS: dict[str, dict[str, str]] = {
    "api": processes.HASTY_API | {"HOLDFAST_API_BREAKER_OPEN_S": "0.3"},
    "writer": processes.QUICK,
    "dlq_admin": {"HOLDFAST_DLQ_AUDIT_EVERY_S": "1"},
}
#: The number of writes before and after a fault.
ENOUGH = 300


class Stage:
    """Services that end with the stage. `address`: returns the REDIS_ADDR of a service; `database`: returns a node to
    query; `dsn`: names all nodes."""

    def __init__(
        self,
        address: Callable[[str], str],
        database: Callable[[], Node],
        dsn: str,
        folder: Path,
        stack: ExitStack,
        partitions: Partitions = ONE,
    ) -> None:
        self.record = Record()
        self._partitions = partitions
        self._address = address
        self._database = database
        self._dsn = dsn
        self._folder = folder
        self._stack = stack
        self._started: list[str] = []

    def start(self, service: str, address: str = "", dsn: str = "", **more: str) -> Service:
        """Start a service that discovers the stores on its own, or uses an address. For a dlq_admin, wait until its
        auditor has run once: the ledger knows of no loss before that."""
        self._started.append(service)
        make = getattr(processes, service)
        stores = {
            "REDIS_ADDR": address or self._address(service),
            "HOLDFAST_INSTANCE": f"{service}-{len(self._started)}",
            "HOLDFAST_QUEUE_PARTITIONS": str(len(self._partitions)),
        }
        started: Service = make(self._folder, "", dsn or self._dsn, **_SETTINGS[service] | stores | more)
        self._stack.callback(started.kill)
        started.start()
        if service == "dlq_admin":
            wait_until(lambda: self._newest_epoch("epoch"), what="the auditor has looked")
        return started

    def accepted(self) -> int:
        """Return the number of writes that the auditor has seen accepted."""
        return self._newest_epoch("accepted")

    def _newest_epoch(self, column: str) -> int:
        """Return the maximum of a column, or 0 if there is no epoch."""
        with self._database().connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT MAX({column}) FROM queue_epochs")
            return int(cursor.fetchall()[0][0] or 0)

    def ended(self, *, promised: bool = True) -> Row:
        """Let a writer finish, and return what became of the writes."""
        applies = "writer" in self._started
        self.start("writer")
        wait_until(self._is_settled, what="all is settled")
        ledgers: list[Ledger] = []

        def balanced() -> bool:
            ledgers[:] = [asyncio.run(self._ledger())]
            return ledgers[0].missing == 0

        wait_until(balanced, 60, "the ledger balances")
        record, database = self.record, self._database()
        with database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) - COUNT(DISTINCT name) FROM users WHERE name <> ''")
            doubled = cursor.fetchall()[0][0]
        assert ledgers[0].dead_lettered == 0, "a write was dead-lettered"
        return Row(
            acknowledged=len(record.acknowledged),
            lost=len(record.lost(database)),
            doubled=doubled,
            longest_s=(
                *(gap.longest_s for gap in record.gaps),
                record.longest_without_applied_s(database) if applies else None,
            ),
            ledger=ledgers[0],
            promised=promised,
        )

    def _is_settled(self) -> bool:
        async def depth() -> int:
            client = connect(self._address("operator"), PATIENT_REDIS)
            try:
                return (await backlog(client, self._partitions)).depth
            finally:
                await client.aclose()

        with contextlib.suppress(RedisError, OSError):
            return asyncio.run(depth()) == 0
        return False

    async def _ledger(self) -> Ledger:
        client = connect(self._address("operator"), PATIENT_REDIS)
        engine = make_engine(self._database().dsn, PATIENT_DATABASE, 2)
        try:
            return await read_ledger(client, engine, partitions=self._partitions)
        finally:
            await client.aclose()
            engine.dispose()
