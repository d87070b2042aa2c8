"""On a Redis Cluster: services of a test there, and what a test finds in the database afterwards."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import processes
from tests.failover.cluster import Cluster
from tests.processes import Service
from tests.servers import Database

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
    """Starts services on the cluster, which is emptied before; all of them end with the block."""
    cluster.empty()
    with ExitStack() as stack:

        def start(service: str, **more: str) -> Service:
            settings = _SETTINGS[service] | {"REDIS_ADDR": cluster.address(service)} | of_all | more
            started: Service = getattr(processes, service)(folder, "", database.dsn, **settings).start()
            stack.callback(started.kill)
            return started

        yield start


def doubled(database: Database) -> int:
    """Users that were made twice, by their names."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) - COUNT(DISTINCT name) FROM users WHERE name <> ''")
        return int(cursor.fetchall()[0][0])
