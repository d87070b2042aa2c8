"""Two databases in one DSN: connections go to the first that takes writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.shared.faults import Outage
from holdfast.shared.store.engine import Engine, make_engine, transaction
from tests.servers import PASSWORD, PATIENT_DATABASE, Database, wait_until


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Database, Database]]:
    """Two servers without replication."""
    servers: list[Database] = []
    try:
        for name in ("first", "second"):
            folder: Path = tmp_path_factory.mktemp(name)
            servers.append(Database(folder))
            servers[-1].start()
        yield servers[0], servers[1]
    finally:
        for server in servers:
            server.kill()


def read_only(database: Database, value: int) -> None:
    """Make the server refuse writes, or take them again."""
    with database.connect(user="root", database=None) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL read_only = {value}")


def port_of(engine: Engine) -> int:
    """The port of the server on which a transaction is done."""
    with transaction(engine) as connection:
        return int(connection.exec_driver_sql("SELECT @@port").scalar_one())


def reaches(engine: Engine, port: int) -> bool:
    """Whether a transaction is done on the server of this port; an outage is no answer."""
    try:
        return port_of(engine) == port
    except Outage:
        return False


def test_the_first_that_takes_writes(pair: tuple[Database, Database]) -> None:
    """Read-only, dead, and back: each time the connections follow, and with both refusing the error names both."""
    first, second = pair
    hosts = f"127.0.0.1:{first.port},127.0.0.1:{second.port}"
    engine = make_engine(f"mysql://holdfast:{PASSWORD}@{hosts}/holdfast", PATIENT_DATABASE, 2)
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
