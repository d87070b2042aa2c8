"""Two databases in one DSN: connections go to the first that takes writes."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from holdfast.shared.faults import Outage
from holdfast.shared.queue.names import DEAD
from holdfast.shared.store.engine import Engine, make_engine, transaction
from tests import processes
from tests.client import WAIT
from tests.conftest import migrate
from tests.database_faults import as_root
from tests.servers import PASSWORD, PATIENT_DATABASE, Database, RedisServer, wait_until


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database]]:
    """Two servers with the same tables, without replication."""
    first = Database(tmp_path_factory.mktemp("first"))
    first.start()
    try:
        migrate(first.dsn)
        first.stop()
        second = Database(tmp_path_factory.mktemp("second"), copy_of=first)
        try:
            first.start()
            second.start()
            yield first, second
        finally:
            second.kill()
    finally:
        first.kill()


@pytest.fixture
def hosts(pair: tuple[Database, Database]) -> str:
    """A DSN of both servers."""
    return pair[0].dsn.replace(f":{pair[0].port}", f":{pair[0].port},127.0.0.1:{pair[1].port}")


def read_only(database: Database, value: int) -> None:
    """Make the server refuse writes, or take them again."""
    as_root(database, f"SET GLOBAL read_only = {value}")


def names(database: Database) -> list[str]:
    """Return the names of the database's users."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM users")
        return [name for (name,) in cursor.fetchall()]


def listed(client: httpx.Client) -> list[str]:
    """Return the names that the api reads from the database, or an empty list if it has only a copy."""
    answer = client.get("/users").json()
    fresh = answer["success"] and not answer["meta"].get("stale")
    return [user["name"] for user in answer["data"]] if fresh else []


def port_of(engine: Engine) -> int:
    """Return the port of the server that runs a transaction."""
    with transaction(engine) as connection:
        return int(connection.exec_driver_sql("SELECT @@port").scalar_one())


def reaches(engine: Engine, port: int) -> bool:
    """Return whether a transaction runs on the server with this port; in an outage, False."""
    try:
        return port_of(engine) == port
    except Outage:
        return False


def test_services_follow(pair: tuple[Database, Database], hosts: str, own_redis: RedisServer, tmp_path: Path) -> None:
    """A write is applied by the standby when the first host is killed, and by the first host when it is back; reads are
    fresh, from that host. No service is restarted, and nothing is dead-lettered."""
    first, second = pair
    api = processes.api(tmp_path, own_redis.address, hosts).start()
    writer = processes.writer(tmp_path, own_redis.address, hosts, **processes.QUICK).start()
    try:
        with api.client() as client:

            def is_applied_at(server: Database, name: str) -> None:
                assert client.post("/users", json={"name": name, "email": f"{name}@example.com"}).is_success
                wait_until(lambda: name in names(server), what=f"{name} is applied")
                wait_until(lambda: name in listed(client), what=f"{name} is read")

            is_applied_at(first, "ann")
            first.kill()
            is_applied_at(second, "bob")
            first.start()
            wait_until(first.is_used, what="a service goes back")

            def is_back() -> bool:
                name = uuid.uuid4().hex
                client.post("/users", json={"name": name, "email": f"{name}@example.com"}, headers=WAIT)
                return name in names(first) and name in listed(client)

            wait_until(is_back, what="both services are back")
        with own_redis.client() as queue:
            assert queue.xlen(DEAD) == 0
    finally:
        api.kill()
        writer.kill()


def test_the_first_that_takes_writes(pair: tuple[Database, Database], hosts: str) -> None:
    """Connections follow when the first host is read-only, dead or back; when both hosts refuse, the error names
    both."""
    first, second = pair
    engine = make_engine(hosts, PATIENT_DATABASE, 2)
    try:
        assert port_of(engine) == first.port
        read_only(first, 1)
        wait_until(lambda: reaches(engine, second.port), what="the standby is used")
        read_only(first, 0)
        wait_until(lambda: reaches(engine, first.port), what="the first is used again")
        first.kill()
        wait_until(lambda: reaches(engine, second.port), what="the standby is used")
        read_only(second, 1)
        engine.dispose()
        with pytest.raises(Outage) as caught:
            port_of(engine)
        text = f"{caught.value} {caught.value.detail}"
        assert PASSWORD not in text
        assert str(second.port) in text
        assert str(first.port) in text
        first.start()
        wait_until(lambda: reaches(engine, first.port), what="the first is used again")
    finally:
        engine.dispose()
