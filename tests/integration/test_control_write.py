"""A control write shows the state of the database, and leaves no trace; its connection does not outlive it."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa

from holdfast.shared.faults import Contention, Fault, Outage, Refusal
from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.store import reads
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Engine, Timeouts, make_engine, transaction
from tests.database_faults import KNOWN, DatabaseFault, any_number, as_root, refusing
from tests.dead_letters.test_what_if import create, fields
from tests.processes import login_of
from tests.servers import Database
from tests.users import USERS

FAULTS = [*KNOWN, *(refusing(table, any_number()) for table in ("users", "operations", "released_values"))]


@pytest.fixture
def engine(own_database: Database) -> Iterator[Engine]:
    """An engine with two connections, like the engine of a service."""
    made = make_engine(login_of("dlq_admin", own_database.dsn), Timeouts(2, 2, 10, 1), 2)
    yield made
    made.dispose()


def rows(database: Database) -> int:
    """Return the number of rows in all tables together."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'holdfast'")
        total = 0
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            total += (cursor.fetchone() or (0,))[0]
        return total


def connection_ids(engine: Engine) -> set[int]:
    """Return the ids of both pooled connections."""
    with engine.connect() as one, engine.connect() as other:
        return {int(each.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one()) for each in (one, other)}


def test_a_control_write_leaves_nothing(engine: Engine, own_database: Database) -> None:
    """A control write leaves no row in any table, although it commits a change."""
    before, seen = rows(own_database), []
    sa.event.listen(engine, "before_cursor_execute", lambda *event: seen.append(event[2].split()[0]))
    sa.event.listen(engine, "commit", lambda _: seen.append("committed"))
    control_write(engine)
    assert seen[-4:] == ["ROLLBACK", "INSERT", "DELETE", "committed"]
    assert {"SELECT", "INSERT", "DELETE"} <= set(seen[:-4])
    assert rows(own_database) == before


def test_it_fails_where_writes_do(engine: Engine, own_database: Database) -> None:
    """A control write fails and names the error for every fault of the server, of the access to it and of the schema,
    and succeeds afterwards. During the fault a what-if does not blame the letter."""
    for fault in FAULTS:
        with fault.on(own_database):
            with pytest.raises(Outage) as raised:
                control_write(engine)
            assert raised.value.detail.startswith("a control write failed: database error "), fault.name
            if fault in KNOWN and "read-only" not in fault.name:  # an operator has to act
                assert type(raised.value) is Refusal, fault.name
            with suppress(Fault):
                assert what_if(engine, {1: fields(create(1))})[1].verdict is Prediction.WOULD_APPLY
        engine.dispose()  # a connection keeps the rights from when it was opened
        control_write(engine)


@pytest.mark.parametrize(
    "fault", [refusing("users", number) for number in (any_number(), 1290, 1047)], ids=["any", "1290", "1047"]
)
def test_a_connection_that_is_refused_goes_with_its_pool(
    engine: Engine, own_database: Database, fault: DatabaseFault
) -> None:
    """After a refused control write all earlier pooled connections are replaced. An error about data or about a
    conflicting transaction does not replace connections."""
    before = connection_ids(engine)
    with pytest.raises(Fault), transaction(engine) as connection:
        connection.execute(sa.text("INSERT INTO users (id, name) VALUES ('x', NULL)"))
    with pytest.raises(Contention), transaction(engine) as connection:
        connection.execute(sa.text("SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213"))
    assert connection_ids(engine) == before
    with fault.on(own_database):
        now = connection_ids(engine)
        with pytest.raises(Outage):
            control_write(engine)
        assert not connection_ids(engine) & now


def test_a_connection_that_only_reads_notices_that_its_server_was_demoted(
    engine: Engine, own_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections whose server has become read-only are replaced once; after that, the new connections are kept and
    used for reads."""
    monkeypatch.setattr("holdfast.shared.store.connections._ROLE_KNOWN_S", 0)
    before = connection_ids(engine)
    assert connection_ids(engine) == before
    as_root(own_database, "SET GLOBAL read_only = 1")
    try:
        after = connection_ids(engine)
        assert not after & before
        assert reads.entity(engine, USERS, "nobody") is None
        assert connection_ids(engine) == after
    finally:
        as_root(own_database, "SET GLOBAL read_only = 0")
