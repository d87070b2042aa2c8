"""Statements: many rows in one, in the form that PyMySQL turns into one statement; and values as columns hold them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from holdfast.shared.runtime.timestamps import utc_now

T = TypeVar("T")

#: Most placeholders of one statement.
_VALUES_MAX = 1000


def insert(table: str, columns: Sequence[str], *, on_clash: str = "") -> str:
    """`INSERT INTO table (...) VALUES (...)`; `on_clash`: what becomes of a row whose key exists."""
    clash = f" ON DUPLICATE KEY UPDATE {on_clash}" if on_clash else ""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places(columns)}){clash}"  # noqa: S608 - our own names


def places(values: Sequence[Any]) -> str:
    """A placeholder for each."""
    return ", ".join(["%s"] * len(values))


def many(connection: sa.Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Run it for every row; for none, not at all."""
    if rows:
        connection.exec_driver_sql(statement, [tuple(row) for row in rows])


def rows_with(connection: sa.Connection, query: str, values: Iterable[Any]) -> list[Any]:
    """The rows of `query`, its `{}` filled with a placeholder a value."""
    wanted = sorted(set(values))
    found: list[Any] = []
    for page in pages_of(wanted, _VALUES_MAX):
        found += connection.exec_driver_sql(query.format(places(page)), tuple(page)).all()
    return found


def pages_of(values: Sequence[T], most: int) -> list[Sequence[T]]:
    """In order, at most so many each."""
    return [values[at : at + most] for at in range(0, len(values), most)]


def from_row(kind: type[T], row: sa.Row[Any], **computed: Any) -> T:
    """A dataclass: its fields are the row's columns of the same names, except for those that are `computed`."""
    columns = row._mapping
    return kind(**{each.name: columns[each.name] for each in fields(kind) if each.name not in computed}, **computed)  # type: ignore[arg-type]


def now() -> str:
    """As a DATETIME column takes it: UTC without saying so."""
    return moment(utc_now())


def moment(at: datetime) -> str:
    """The same of any moment that knows its time zone."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def json(value: Any) -> str:
    """As a TEXT column holds it; members of enums are their values, as keys too."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def added(columns: Iterable[str]) -> str:
    """`a = a + VALUES(a), ...`"""
    return ", ".join(f"{column} = {column} + VALUES({column})" for column in columns)


#: The two ends of a span, moved apart to hold the new row.
WIDENED = "first_id = LEAST(first_id, VALUES(first_id)), last_id = GREATEST(last_id, VALUES(last_id))"


def counted(things: Iterable[Any]) -> Mapping[Any, int]:
    """How often each occurs, in order."""
    counts: dict[Any, int] = {}
    for thing in things:
        counts[thing] = counts.get(thing, 0) + 1
    return dict(sorted(counts.items()))
