"""A what-if reports what a writer would do, letter by letter, and changes nothing."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from holdfast.shared.letters.what_if.prediction import Prediction
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.queue.codec import encode
from holdfast.shared.store import apply as store
from holdfast.shared.store.engine import Engine
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Delivery
from tests.servers import Database
from tests.users import create_user, delete_user, update_user

_BEGAN = 1_764_000_000_000_000


def write(at: int, command: Any, user_id: str = "", **more: Any) -> Write:
    """Return a write accepted `at` microseconds after the start of the test."""
    return Write(str(uuid.uuid4()), user_id or str(uuid.uuid4()), command, _BEGAN + at, **more)


def create(at: int, name: str = "Ann", email: str = "", **more: Any) -> Write:
    """Return a write that creates a user."""
    return write(at, create_user(name, email or f"{uuid.uuid4().hex}@example.com"), **more)


def fields(write: Write, **changed: bytes) -> dict[bytes, bytes]:
    """Return the fields of a write's entry, with these changes."""
    encoded = {name.encode(): value.encode() for name, value in encode(write).items()}
    return encoded | {name.encode(): value for name, value in changed.items()}


def apply(engine: Engine, *writes: Write) -> None:
    """Apply writes as a writer does."""
    store.apply(engine, [Delivery(one, "1-1") for one in writes], lambda _: False, lambda _: None)


def everything(database: Database) -> list[Any]:
    """Return all rows that a write may change."""
    with database.connect() as connection, connection.cursor() as cursor:
        found = []
        for table in ("users", "operations", "released_values"):
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
            found.append(cursor.fetchall())
        return found


@contextmanager
def short_names(database: Database) -> Iterator[None]:
    """Limit names in the database to five characters."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users MODIFY name VARCHAR(5) NOT NULL")
        try:
            yield
        finally:
            cursor.execute("DELETE FROM users WHERE CHAR_LENGTH(name) > 5")
            cursor.execute("ALTER TABLE users MODIFY name VARCHAR(200) COLLATE utf8mb4_bin NOT NULL")


def test_every_verdict_at_once(engine: Engine, clean_database: Database) -> None:
    """Letters of every kind in one call each get their own verdict, and the database does not change."""
    ann, gone, held = create(1), create(2), create(3, email="held@example.com")
    apply(engine, ann, gone, held)
    apply(engine, write(50, update_user(name="New"), ann.entity_id), write(4, delete_user(), gone.entity_id))
    before = everything(clean_database)
    with short_names(clean_database):
        found = what_if(
            engine,
            {
                1: fields(create(10, "Bob")),
                2: fields(ann),
                3: fields(write(20, update_user(name="Old"), ann.entity_id)),
                4: fields(write(60, update_user(name="x"), gone.entity_id)),
                5: fields(create(11, email="HELD@example.com")),
                6: fields(write(70, update_user(name="late"), after=str(uuid.uuid4()))),
                7: fields(create(12, "much too long")),
                8: fields(create(13), payload=b'{"nom": "Ann"}'),
                9: fields(create(14, expires_at=_BEGAN)),
                10: {b"\xff": b"\x00"},
            },
        )
    verdicts = [each.verdict for each in found.values()]
    assert verdicts == [
        *(Prediction.WOULD_APPLY, Prediction.ALREADY_APPLIED, Prediction.SUPERSEDED, Prediction.REJECTED),
        *(Prediction.REJECTED, Prediction.WOULD_WAIT, Prediction.STILL_FAILS, Prediction.UNDECODABLE),
        *(Prediction.REJECTED, Prediction.UNDECODABLE),
    ]
    assert [found[number].why for number in (4, 5, 9)] == ["USER_NOT_FOUND", "EMAIL_TAKEN", "WRITE_EXPIRED"]
    assert found[7].why == "database error 1406: Data too long for column 'name' at row 1"
    assert found[6].then is Prediction.WOULD_APPLY
    assert found[8].why == "payload is not a CreateUser: email: missing; name: missing; nom: unknown field"
    assert everything(clean_database) == before


def test_the_row_before_and_after(engine: Engine) -> None:
    """A what-if shows the row before and after, and each letter of a user starts where the one before it would have
    ended."""
    ann = create(1)
    first, second = (write(at, update_user(name=f"n{at}"), ann.entity_id) for at in (2, 3))
    apply(engine, ann)
    found = what_if(engine, {1: fields(second), 2: fields(first)})
    assert found[2].diff == {"name": ("Ann", "n2"), "name_version": (_BEGAN + 1, _BEGAN + 2)}
    assert found[1].diff == {"name": ("n2", "n3"), "name_version": (_BEGAN + 2, _BEGAN + 3)}
    [new] = what_if(engine, {1: fields(create(9, "Bob"))}).values()
    assert new.before is None
    assert new.diff["name"] == (None, "Bob")


@pytest.mark.parametrize("poison", [{0}, {0, 299}, set(range(0, 300, 7)), set(range(300))])
def test_no_letter_spoils_its_neighbours(engine: Engine, clean_database: Database, poison: set[int]) -> None:
    """Failing letters do not change the verdicts of the others, wherever and however many they are."""
    entries = {n: fields(create(n, "much too long" if n in poison else "ok")) for n in range(300)}
    with short_names(clean_database):
        found = what_if(engine, entries)
    assert {number for number, each in found.items() if each.verdict is Prediction.STILL_FAILS} == poison
    assert all(found[n].verdict is Prediction.WOULD_APPLY for n in set(range(300)) - poison)
    assert everything(clean_database) == [(), (), ()]


def test_addresses_pass_between_letters(engine: Engine) -> None:
    """Of two letters that claim one address, the first in order of acceptance gets it and the second is rejected. A
    letter that releases an address frees it for a later one."""
    ann, bob = create(1, email="a@example.com", user_id=""), create(5, email="a@example.com")
    found = what_if(engine, {1: fields(bob), 2: fields(ann)})
    assert (found[2].verdict, found[1].why) == (Prediction.WOULD_APPLY, "EMAIL_TAKEN")
    move = write(3, update_user(email="b@example.com"), ann.entity_id)
    found = what_if(engine, {1: fields(bob), 2: fields(ann), 3: fields(move)})
    assert {each.verdict for each in found.values()} == {Prediction.WOULD_APPLY}


def test_the_error_quotes_no_data(engine: Engine, clean_database: Database) -> None:
    """The error of a what-if quotes no data, and neither does that of an entry that cannot be decoded."""
    with clean_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE users MODIFY name VARCHAR(200) CHARACTER SET ascii NOT NULL")
        try:
            [only] = what_if(engine, {1: fields(create(1, "Zoë-secret"))}).values()
        finally:
            cursor.execute(
                "ALTER TABLE users MODIFY name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
            )
    assert only.verdict is Prediction.STILL_FAILS
    assert "1366" in only.why
    assert "secret" not in only.why
    broken = {b"payload": json.dumps({"name": "secret"}).encode()}
    [only] = what_if(engine, {1: fields(create(1)) | broken}).values()
    assert "secret" not in only.why
