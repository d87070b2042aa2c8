"""Migrations: rows written by earlier builds are right after an upgrade."""

from collections.abc import Iterator

import pytest

from holdfast.shared.store.closing import close
from holdfast.shared.store.counts import operation_counts
from holdfast.shared.store.engine import Timeouts, make_engine
from tests.conftest import migrate
from tests.servers import Database

_ID = "00000000-0000-4000-8000-00000000000{}"
_SCHEMA = "holdfast_before"
#: (id, email, key by the rule of before, key now)
_USERS = (
    (_ID.format(1), "Ann@Example.com", "ann@example.com", "ann@example.com"),
    (_ID.format(2), "info@straße.example", "info@strasse.example", "info@xn--strae-oqa.example"),
    (_ID.format(3), "Groß@x.example", "gross@x.example", "groß@x.example"),
    (_ID.format(4), "é@bücher.example", "é@bücher.example", "é@xn--bcher-kva.example"),
)  # fmt: skip


@pytest.fixture
def before(database: Database) -> Iterator[str]:
    """The DSN of an empty schema of its own, beside the one that all tests share."""
    with database.connect(user="root", database=None) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {_SCHEMA}")
        cursor.execute(f"CREATE DATABASE {_SCHEMA}")
        cursor.execute(f"GRANT ALL ON {_SCHEMA}.* TO 'holdfast'@'127.0.0.1'")
        yield database.dsn.removesuffix("/holdfast") + f"/{_SCHEMA}"
        cursor.execute(f"DROP DATABASE {_SCHEMA}")


def test_addresses_get_their_new_keys(before: str, database: Database) -> None:
    """Keys that lost the difference between `ß` and `ss` are made again from the address; others stay."""
    migrate(before, to="0003")
    with database.connect(user="root", database=_SCHEMA) as connection, connection.cursor() as cursor:
        for id, email, old, _ in _USERS:
            cursor.execute("INSERT INTO users VALUES (%s, 'x', 1, %s, %s, 1, 1, 0)", (id, email, old))
        cursor.execute("INSERT INTO users VALUES ('gone', '', 1, '', NULL, 1, 1, 2)")
        cursor.execute("INSERT INTO email_releases VALUES ('é@bücher.example', 'gone', 7)")
        migrate(before)
        cursor.execute("SELECT id, email_key FROM users WHERE email_key IS NOT NULL ORDER BY id")
        assert list(cursor.fetchall()) == [(id, new) for id, _, _, new in _USERS]
        cursor.execute("SELECT version FROM email_releases WHERE email_key = 'é@xn--bcher-kva.example'")
        assert cursor.fetchone() == (7,)


def test_operations_of_before_are_counted_in_steps(before: str, database: Database) -> None:
    """Every row, those that were removed before, and the same again after going back."""
    migrate(before, to="0005")
    with database.connect(user="root", database=_SCHEMA) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO operations VALUES (%s, 'u', 'CreateUser', %s, %s, 0, NULL, NULL, %s, NOW(6))",
            [(f"op-{at}", at, "rejected" if at % 5 == 0 else "applied", None if at % 4 == 0 else "1-1")
             for at in range(1, 41)],
        )  # fmt: skip
        cursor.execute("INSERT INTO operations_reaped VALUES ('applied', 7)")
        migrate(before)
        engine = make_engine(before, Timeouts(5, 5, 20, 5), 1)
        counts = operation_counts(engine, 100)
        assert (counts.applied, counts.rejected, counts.direct, counts.open, counts.kept) == (39, 8, 10, 40, 40)
        steps = 0
        while close(engine, 100, 9):
            steps += 1
        after = operation_counts(engine, 100)
        engine.dispose()
        assert (steps, after.applied, after.rejected, after.direct, after.open, after.kept) == (5, 39, 8, 10, 0, 40)
        migrate(before, to="0005", how="downgrade")
        cursor.execute("SELECT effect, operations FROM operations_reaped ORDER BY effect")
        assert list(cursor.fetchall()) == [("applied", 7), ("rejected", 0)]
