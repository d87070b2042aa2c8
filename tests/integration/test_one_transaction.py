"""A write's effect and its outcome are one commit: a process that dies in between leaves neither or both."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.shared.store.apply import apply, apply_directly
from holdfast.shared.store.engine import Engine, make_engine, transaction
from holdfast.shared.writes.commands import Command, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Retry
from tests.servers import PATIENT_DATABASE, Database
from tests.users import create_user, update_user

_USER = "00000000-0000-4000-8000-000000000001"


class Died(Exception):
    """Stands for the death of a process."""


class Steps:
    """Raises Died before step number `last` of an engine, where a step is a statement that changes something or a
    commit."""

    def __init__(self, engine: Engine, last: int) -> None:
        self._engine = engine
        self._left = last
        self._events = {"before_cursor_execute": self._statement, "commit": self._step}

    def _statement(self, _connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if not statement.startswith("SELECT"):
            self._step()

    def _step(self, *_: object) -> None:
        self._left -= 1
        if self._left < 0:
            raise Died

    def __enter__(self) -> None:
        for name, listener in self._events.items():
            sa.event.listen(self._engine, name, listener)

    def __exit__(self, *_: object) -> None:
        for name, listener in self._events.items():
            sa.event.remove(self._engine, name, listener)


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 2)
    yield made
    made.dispose()


def _write(number: int, user_id: str, command: Command) -> Write:
    return Write(f"00000000-0000-4000-9000-{number:012d}", user_id, command, number)


def _rows(database: Database) -> tuple[Any, Any]:
    """Return all users and the ids of all operations."""
    with database.connect() as connection, connection.cursor() as cursor:
        found = []
        for query in ("SELECT * FROM users", "SELECT operation_id FROM operations"):
            cursor.execute(query)
            found.append(cursor.fetchall())
    return found[0], found[1]


@pytest.mark.parametrize("way", ["created", "changed", "directly"])
def test_whoever_dies_before_the_commit_leaves_nothing(engine: Engine, database: Database, way: str) -> None:
    """A write that dies before any changing statement or before the commit leaves no user and no operation changed."""
    _apply(engine, _write(1, _USER, create_user("Ann", "ann@example.com")), "created")
    before, steps = _rows(database), 0
    bob = "00000000-0000-4000-8000-000000000002"
    write = _write(2, bob, create_user("Bob", "bob@example.com"))
    if way != "created":
        write = _write(2, _USER, update_user(name="Bob"))
    while True:
        with Steps(engine, steps), suppress(Exception):
            _apply(engine, write, way)
            break
        engine.dispose()  # a dead process does not reuse its connection
        assert _rows(database) == before, f"it died after {steps} steps"
        steps += 1
    assert steps >= 3
    assert _rows(database) != before


def _apply(engine: Engine, write: Write, way: str) -> None:
    if way == "directly":
        apply_directly(engine, write, "", lambda _: None)
    else:
        apply(engine, [Delivery(write, f"{write.version}-0")], lambda _: False, lambda _: None)


def test_a_connection_goes_back_without_an_open_transaction(engine: Engine, database: Database) -> None:
    """A connection that goes back to the pool is rolled back if its transaction is open, and costs no rollback after a
    commit."""

    def rollbacks() -> int:
        with transaction(engine) as connection:
            return int(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Com_rollback'").one()[1])

    insert = "INSERT INTO deleted_entities (resource, entity_id, deleted_at) VALUES ('users', '{}', UTC_TIMESTAMP(6))"
    with transaction(engine) as connection:
        connection.exec_driver_sql(insert.format("kept"))
    first = rollbacks()
    assert rollbacks() == first
    raw = engine.raw_connection()
    raw.cursor().execute(insert.format("left open"))
    raw.close()
    assert rollbacks() == first + 1
    with suppress(Died), transaction(engine) as connection:
        connection.exec_driver_sql(insert.format("given up"))
        raise Died
    assert rollbacks() > first + 1
    with database.connect() as looking, looking.cursor() as cursor:
        cursor.execute("SELECT entity_id FROM deleted_entities")
        assert cursor.fetchall() == (("kept",),)


def test_patience_is_asked_for_before_anything_is_loaded(engine: Engine) -> None:
    """A write's patience is checked before its rows are loaded. The patience may end because an earlier write has
    ended, which rows from before that moment do not show; so the write waits for the next turn, which loads them
    anew."""
    patient = [True]
    sa.event.listen(engine, "before_cursor_execute", lambda *_: patient.append(False))
    write = _write(2, _USER, update_user(name="Ann"))._replace(after="00000000-0000-4000-9000-000000000001")
    outcomes = apply(engine, [Delivery(write, "0-2")], lambda _: patient[-1], lambda _: None)
    assert outcomes == [Retry(waits_for=(write.ref,))]
