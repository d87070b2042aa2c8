"""No two entities have the same unique value, and no write takes effect twice: indexes and primary keys prevent it, and
without one of them, no write that it should protect is applied."""

from collections.abc import Callable, Iterator

import pytest

from holdfast.shared.faults import Refusal
from holdfast.shared.store.apply import apply, apply_directly
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import Command, Write
from holdfast.shared.writes.decide import Delivery
from tests.database_faults import KNOWN, DatabaseFault
from tests.processes import login_of
from tests.servers import PATIENT_DATABASE, Database
from tests.users import create_user, update_user

_ANN, _BOB, _NEW = (f"00000000-0000-4000-8000-{number:012d}" for number in (1, 2, 3))
[_MISSING] = [each for each in KNOWN if each.name == "a missing index"]


@pytest.fixture
def engine(own_database: Database) -> Iterator[Engine]:
    """An engine with a writer's login."""
    made = make_engine(login_of("writer", own_database.dsn), PATIENT_DATABASE, 2)
    yield made
    made.dispose()


def _write(number: int, user_id: str, command: Command) -> Write:
    return Write(f"00000000-0000-4000-9000-{number:012d}", user_id, command, number)


def _apply(engine: Engine, write: Write) -> None:
    apply(engine, [Delivery(write)], lambda _: True, lambda _: None)


def _directly(engine: Engine, write: Write) -> None:
    apply_directly(engine, write, "", lambda _: None)


def _created(email: str) -> Command:
    return create_user("Eve", email)


def _changed(email: str) -> Command:
    return update_user(email=email)


@pytest.mark.parametrize(
    ("way", "user_id", "command"),
    [
        pytest.param(_apply, _NEW, _created, id="created by a writer"),
        pytest.param(_apply, _BOB, _changed, id="changed by a writer"),
        pytest.param(_directly, _NEW, _created, id="created by an api"),
    ],
)
def test_without_the_index_nobody_gets_a_value(
    engine: Engine,
    own_database: Database,
    way: Callable[[Engine, Write], None],
    user_id: str,
    command: Callable[[str], Command],
) -> None:
    """Without its index, neither a taken nor a free unique value can be written: the database refuses, as it does
    without a column. A write that concerns no unique value is applied."""
    _apply(engine, _write(1, _ANN, create_user("Ann", "ann@example.com")))
    _apply(engine, _write(2, _BOB, create_user("Bob", "bob@example.com")))
    with _MISSING.on(own_database):
        for number, email in enumerate(("ann@example.com", "free@example.com"), 3):
            with pytest.raises(Refusal):
                way(engine, _write(number, user_id, command(email)))
        _apply(engine, _write(5, _ANN, update_user(name="Anna")))
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name, email FROM users ORDER BY id")
        assert cursor.fetchall() == ((_ANN, "Anna", "ann@example.com"), (_BOB, "Bob", "bob@example.com"))


def _without_key(table: str, columns: str) -> DatabaseFault:
    return DatabaseFault(
        f"no primary key of {table}", f"ALTER TABLE holdfast.{table} DROP PRIMARY KEY",
        f"ALTER TABLE holdfast.{table} ADD PRIMARY KEY ({columns})",
    )  # fmt: skip


_NO_KEY = [
    _without_key("users", "id"),
    _without_key("operations", "operation_id"),
    _without_key("released_values", "claims, claim_key, entity_id"),
]


@pytest.mark.parametrize("missing", _NO_KEY, ids=lambda each: each.name)
@pytest.mark.parametrize("way", [_apply, _directly], ids=["by a writer", "by an api"])
def test_without_a_primary_key_no_value_is_given(
    engine: Engine, own_database: Database, way: Callable[[Engine, Write], None], missing: DatabaseFault
) -> None:
    """Without a primary key, creates, changes and control writes are refused, and the same writes are applied once the
    key is back."""
    _apply(engine, _write(1, _ANN, create_user("Ann", "ann@example.com")))
    writes = [_write(2, _NEW, _created("new@example.com")), _write(3, _ANN, _changed("anna@example.com"))]
    with missing.on(own_database):
        for write in writes:
            with pytest.raises(Refusal):
                way(engine, write)
        with pytest.raises(Refusal):
            control_write(engine)
    for write in writes:
        way(engine, write)
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, email FROM users ORDER BY id")
        assert cursor.fetchall() == ((_ANN, "anna@example.com"), (_NEW, "new@example.com"))
