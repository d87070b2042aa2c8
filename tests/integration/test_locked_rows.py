"""A row that another transaction has locked delays the writes of its own entity, and no others."""

from collections.abc import Iterator

import pytest

from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import HEARTBEAT_ID, Command, Heartbeat, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Retry
from tests.servers import PATIENT_DATABASE, Database
from tests.users import create_user, update_user

_ANN, _BOB = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 2)
    yield made
    made.dispose()


def _delivery(version: int, entity_id: str, command: Command) -> Delivery:
    return Delivery(Write(f"00000000-0000-4000-9000-00000000000{version}", entity_id, command, version), f"{version}-0")


def test_a_batch_with_a_heartbeat_goes_past_a_locked_row(engine: Engine, clean_database: Database) -> None:
    """A batch with a write to a locked row, a write to another user and a heartbeat, which has no row anywhere, is
    applied except for the first write, which is left for later."""
    for at, user in enumerate((_ANN, _BOB), 1):
        apply(engine, [_delivery(at, user, create_user("Ann", f"{at}@example.com"))], lambda _: False, lambda _: None)
    batch = [
        _delivery(3, _ANN, update_user(name="Ada")),
        _delivery(4, HEARTBEAT_ID, Heartbeat()),
        _delivery(5, _BOB, update_user(name="Bea")),
    ]
    with clean_database.connect() as person, person.cursor() as cursor:
        person.begin()
        cursor.execute("SELECT id FROM users WHERE id = %s FOR UPDATE", (_ANN,))
        outcomes = apply(engine, batch, lambda _: False, lambda _: None, past_locks=True)
    assert outcomes == [Retry(locked=True), Applied(4), Applied(5)]
