"""Statements: many rows in one, in the form that PyMySQL turns into one statement."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

#: Most placeholders of one statement.
_VALUES_MAX = 1000


def insert(table: str, columns: Sequence[str], *, on_clash: str = "") -> str:
    """`INSERT INTO table (...) VALUES (...)`; `on_clash`: what becomes of a row whose key exists."""
    places = ", ".join(["%s"] * len(columns))
    clash = f" ON DUPLICATE KEY UPDATE {on_clash}" if on_clash else ""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places}){clash}"  # noqa: S608 - our own names


def many(connection: sa.Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run it for every row; for none, not at all."""
    if rows:
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])


def rows_with(connection: sa.Connection, query: str, values: Iterable[Any]) -> list[Any]:
    """The rows of `query`, its `{}` filled with a placeholder a value."""
    wanted = sorted(set(values))
    found: list[Any] = []
    for at in range(0, len(wanted), _VALUES_MAX):
        page = wanted[at : at + _VALUES_MAX]
        found += connection.exec_driver_sql(query.format(", ".join(["%s"] * len(page))), tuple(page)).all()
    return found


def added(columns: Iterable[str]) -> str:
    """`a = a + VALUES(a), ...`"""
    return ", ".join(f"{column} = {column} + VALUES({column})" for column in columns)


def widened(first: str = "first_id", last: str = "last_id") -> str:
    """The two ends of a span, moved apart to hold the new row."""
    return f"{first} = LEAST({first}, VALUES({first})), {last} = GREATEST({last}, VALUES({last}))"


def counted(things: Iterable[Any]) -> Mapping[Any, int]:
    """How often each occurs, in order."""
    counts: dict[Any, int] = {}
    for thing in things:
        counts[thing] = counts.get(thing, 0) + 1
    return dict(sorted(counts.items()))
