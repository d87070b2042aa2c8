"""A deleted entity stays deleted: its row stays as a tombstone, for writes that arrive late."""

from collections.abc import Iterator
from itertools import permutations

import pytest

from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import Command, Write
from holdfast.shared.writes.decide import Delivery
from tests.servers import PATIENT_DATABASE, Database
from tests.users import USERS, create_user, delete_user, update_user

_USER = "00000000-0000-4000-8000-000000000001"
_LIFE: list[Command] = [create_user("Ann", "ann@example.com"), update_user(name="Bob"), delete_user()]


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 2)
    yield made
    made.dispose()


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_a_late_write_brings_nothing_back(engine: Engine, order: tuple[int, ...]) -> None:
    """A deleted user stays deleted in whatever order its create, change and delete arrive."""
    for at in order:
        write = Write(f"00000000-0000-4000-9000-00000000000{at}", _USER, _LIFE[at], at + 1, after="another")
        apply(engine, [Delivery(write, f"{at}-1")], lambda _: False, lambda _: None)
    row = reads.entity(engine, USERS, _USER)
    assert row is not None
    assert (row.visible, row.deleted_version) == (False, 3)
