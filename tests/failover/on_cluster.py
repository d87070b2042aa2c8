"""Services of a test on a Redis Cluster, and checks of the database afterwards."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.backlog import backlog
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.ledger import Ledger
from tests import processes
from tests.failover.cluster import Cluster
from tests.failover.writes import Record
from tests.processes import Service
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, wait_until

_SETTINGS = {
    "api": processes.HASTY_API
    | {
        "HOLDFAST_QUEUE_REPLICAS": "1",
        "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.5",
        "HOLDFAST_API_BREAKER_OPEN_S": "0.3",
    },
    "writer": processes.QUICK,
    "dlq_admin": {},
}


@contextmanager
def starting(cluster: Cluster, database: Database, folder: Path, **of_all: str) -> Iterator[Callable[..., Service]]:
    """Yield a function that starts services on the cluster, which is emptied first. The services end with the block."""
    cluster.empty()
    with ExitStack() as stack:

        def start(service: str, **more: str) -> Service:
            settings = _SETTINGS[service] | {"REDIS_ADDR": cluster.address(service)} | of_all | more
            started: Service = getattr(processes, service)(folder, "", database.dsn, **settings).start()
            stack.callback(started.kill)
            return started

        yield start


def doubled(database: Database) -> int:
    """Return the number of users that were created twice, by their names."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) - COUNT(DISTINCT name) FROM users WHERE name <> ''")
        return int(cursor.fetchall()[0][0])


def replace_owner(cluster: Cluster, record: Record) -> None:
    """Kill the owner of the slot while clients write, wait until a replica takes its place, and restart it as a
    replica."""
    before = cluster.kill_owner()
    cluster.wait_until_moved(before)
    record.wait_for(10)
    before.start()
    cluster.wait_until_whole()


def settle(cluster: Cluster, database: Database, partitions: Partitions = ONE) -> None:
    """Wait until no write is in flight, none was dead-lettered, and the ledger balances."""

    async def ledger() -> Ledger | None:
        redis = connect(cluster.address("operator"), PATIENT_REDIS)
        engine = make_engine(database.dsn, PATIENT_DATABASE, 2)
        try:
            if (await backlog(redis, partitions)).depth:
                return None
            return await read_ledger(redis, engine, partitions=partitions)
        finally:
            await redis.aclose()
            engine.dispose()

    def settled() -> bool:
        read = asyncio.run(ledger())
        return read is not None and read.missing == 0 == read.dead_lettered

    wait_until(settled, what="all is settled and the ledger balances")
