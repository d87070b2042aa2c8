"""A row that went between two looks of one transaction is not changed in place."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.shared.faults import Clash
from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import Command, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Outcome
from holdfast.shared.writes.versions import to_stream_id
from tests.servers import PATIENT_DATABASE, Database
from tests.users import USERS, create_user, update_user

_ANN, _EVE = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))
#: The id of the create that the shadow waits for.
_LATE = "00000000-0000-4000-9000-999999999999"


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 3)
    yield made
    made.dispose()


def _apply(engine: Engine, command: Command, at: int, entity_id: str, after: str | None = None) -> Outcome:
    write = Write(f"00000000-0000-4000-9000-{at:012d}", entity_id, command, at, after=after)
    [outcome] = apply(engine, [Delivery(write, to_stream_id(write.version))], lambda _: False, lambda _: None)
    return outcome


def _once_before_the_locks(engine: Engine, act: Callable[[], object]) -> None:
    acts = [act]

    def before(_connection: Any, _cursor: Any, statement: str, *_: object) -> None:
        if acts and statement.endswith("FOR UPDATE"):
            acts.pop()()

    sa.event.listen(engine, "before_cursor_execute", before)


def test_a_shadow_that_is_removed_while_it_is_changed_takes_no_other_row(
    engine: Engine, clean_database: Database
) -> None:
    """A change of a shadow reads the shadow as the holder of its address. If the shadow is removed before its row is
    locked, and another user gets the address, that user stays as it is."""
    _apply(engine, update_user(email="ann@example.com"), 1, _ANN, after=_LATE)

    def meanwhile() -> None:
        with clean_database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM users WHERE id = %s", (_ANN,))
            connection.commit()
        assert _apply(engine, create_user("Eve", "ann@example.com"), 2, _EVE) == Applied(2)

    _once_before_the_locks(engine, meanwhile)
    with suppress(Clash):
        _apply(engine, update_user(name="Ann", email="ann@example.com"), 3, _ANN, after=_LATE)
    eve = reads.entity(engine, USERS, _EVE)
    assert eve is not None
    assert eve.shown() == {"name": "Eve", "email": "ann@example.com"}
