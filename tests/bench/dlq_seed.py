"""A million dead letters: some are made and indexed by the real code, and the database copies them together with the
counts of their groups."""

import random
from collections.abc import Iterator

import sqlalchemy as sa

from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.letter import Letter
from holdfast.shared.store.engine import Engine
from tests import letters

GROUPS = 200
_BATCH = 500
_COMMANDS = ("CreateUser", "UpdateUser", "ReplaceUser", "DeleteUser")
#: The difference between the ids of two copies: a quarter of an hour.
_APART = 900_000 * 1_000_000


def made(count: int, chance: random.Random) -> Iterator[list[Letter]]:
    """Yield batches of letters, a few milliseconds apart, of many users and of groups of very different sizes."""
    for at in range(0, count, _BATCH):
        yield [_letter(number, chance) for number in range(at, min(at + _BATCH, count))]


def _letter(number: int, chance: random.Random) -> Letter:
    kind = min(int(chance.expovariate(1 / 12)), GROUPS - 1)
    return letters.letter(
        number * 40, code=str(1000 + kind), command=_COMMANDS[kind % 4], error=f"database error {1000 + kind}",
        user_id=f"user-{chance.randrange(50_000)}", build=f"0.1.0+{kind % 7}",
    )  # fmt: skip


def copy(engine: Engine, times: int) -> None:
    """Copy every letter `times` times, to other times of day. The counts stay exact, except those of users: copies have
    the same users."""
    with engine.connect() as connection:
        columns = [row[0] for row in connection.execute(sa.text("SHOW COLUMNS FROM dead_letters")) if row[0] != "id"]
    names = ", ".join(columns)
    letters_too = (
        f"INSERT INTO dead_letters (id, {names}) SELECT id - :by, {names} FROM dead_letters WHERE id >= :first"
    )
    bodies_too = (
        "INSERT INTO dead_letter_bodies (letter_id, part, body) SELECT letter_id - :by, part, body"
        " FROM dead_letter_bodies WHERE letter_id >= :first"
    )
    for turn in range(1, times + 1):
        with engine.begin() as connection:
            for statement in (letters_too, bodies_too):
                connection.execute(sa.text(statement), {"by": turn * _APART, "first": letters.letter(0).number})
    with engine.begin() as connection:
        for table, count in (("groups", "dead"), ("builds", "letters"), ("trend", "letters")):
            connection.execute(sa.text(f"UPDATE dead_letter_{table} SET {count} = {count} * {times + 1}"))
        connection.execute(sa.text(f"UPDATE dead_letter_groups SET first_id = first_id - {times * _APART}"))
    with engine.connect() as connection:
        connection.execute(sa.text("ANALYZE TABLE dead_letters, dead_letter_groups")).all()


def seed(engine: Engine, count: int, rng: int = 1) -> None:
    """Add `count` letters, a fiftieth of them by indexing."""
    own = max(1, count // 50)
    for batch in made(own, random.Random(rng)):
        index.index(engine, batch)
    copy(engine, count // own - 1)
