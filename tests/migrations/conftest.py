"""A schema beside the one that all tests share."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.servers import Database

SCHEMA = "holdfast_before"


@dataclass
class Schema:
    """A schema, with queries in it."""

    dsn: str
    database: Database

    def rows(self, statement: str, *values: object) -> tuple[tuple[object, ...], ...]:
        """Run a statement, and return its rows."""
        with self.database.connect(user="root", database=SCHEMA) as connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return tuple(cursor.fetchall())


@pytest.fixture
def schema(database: Database) -> Iterator[Schema]:
    """An empty schema, dropped afterwards."""
    with database.connect(user="root", database=None) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")
        cursor.execute(f"CREATE DATABASE {SCHEMA}")
        cursor.execute(f"GRANT ALL ON {SCHEMA}.* TO 'holdfast'@'127.0.0.1'")
        yield Schema(database.dsn.removesuffix("/holdfast") + f"/{SCHEMA}", database)
        cursor.execute(f"DROP DATABASE {SCHEMA}")
