"""The primary is switched: connections to the old one are closed without intervention, whatever became of it."""

from collections.abc import Iterator

import pytest

from tests import processes
from tests.conftest import empty, migrate
from tests.database_faults import as_root
from tests.faults.rig import Rig
from tests.integration.test_api_accepts import ADA
from tests.servers import Database, wait_until

#: Far below the 300 s after which a pooled connection is renewed in any case.
_SWITCHED_S = 240.0


@pytest.fixture(scope="module")
def _standby(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    server = Database(tmp_path_factory.mktemp("standby"))
    server.start()
    migrate(server.dsn)
    yield server
    server.kill()


@pytest.fixture
def standby(_standby: Database) -> Database:
    """The next primary, without users."""
    empty(_standby)
    return _standby


@pytest.fixture
def writer(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Service]:
    """A writer that reaches the database at the same address as the api."""
    dsn = rig.database.dsn.replace(f":{rig.database.port}", f":{rig.to_database.port}")
    more = processes.QUICK | {"HOLDFAST_CACHE_REDIS_ADDR": rig.cache.address}
    service = processes.writer(tmp_path_factory.mktemp("writer"), rig.queue.address, dsn, **more).start()
    yield service
    service.kill()


@pytest.fixture
def switched(rig: Rig, standby: Database) -> Iterator[None]:
    """The test's redirect of new connections to the standby, undone at the end."""
    yield
    rig.to_database.redirect("127.0.0.1", rig.database.port)
    rig.database.thaw()
    if not rig.database.running:
        rig.database.start()
    as_root(rig.database, "SET GLOBAL read_only = 0")


@pytest.mark.parametrize("old", ["read-only, its connections kept", "killed"])
@pytest.mark.usefixtures("switched")
def test_the_primary_is_switched(rig: Rig, writer: processes.Service, standby: Database, old: str) -> None:
    """Writes and reads go to the new primary within moments: those of the writer, whose connections meet an error, and
    those of the api, whose connections could go on to answer reads. No write is charged an attempt."""
    before = rig.client.post("/users", json=ADA)
    rig.wait_until_applied(before.headers["location"])
    assert rig.client.get("/users").json()["data"], "the api has a connection to the old one"
    rig.to_database.redirect("127.0.0.1", standby.port)
    if old == "killed":
        rig.database.kill()
    else:
        as_root(rig.database, "SET GLOBAL read_only = 1")
    accepted = rig.client.post("/users", json={"name": "Eve", "email": "eve@example.com"})
    assert accepted.status_code == 202
    wait_until(lambda: names(standby) == ["Eve"], _SWITCHED_S, "the first row on the new primary")
    wait_until(lambda: listed(rig) == ["Eve"], _SWITCHED_S, "the api reads the new primary")
    with rig.queue.client() as queue:
        assert not queue.keys("{holdfast}:attempts:*")
        assert queue.xlen("{holdfast}:dead") == 0


def names(database: Database) -> list[str]:
    """Return the names of the database's users."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM users")
        return [name for (name,) in cursor.fetchall()]


def listed(rig: Rig) -> list[str] | None:
    """Return the names that the api reads, or None if the read fails."""
    body = rig.client.get("/users").json()
    if not body["success"]:
        return None
    return [user["name"] for user in body["data"]]
