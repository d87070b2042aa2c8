"""Migrations: rows written by earlier builds are right after an upgrade."""

from collections.abc import Iterator

import pytest

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
