"""Statements: builds statements for many rows, in the form that PyMySQL turns into a single one, and the values of
columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson
import sqlalchemy as sa

from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.runtime.timestamps import utc_now

T = TypeVar("T")

#: Most placeholders of one statement.
_VALUES_MAX = 1000
#: Most bytes of the values of one statement. The driver copies its text several times, and splits longer ones anyway.
_BYTES_MAX = 2**20


def insert(table: str, columns: Sequence[str], *, on_clash: str = "") -> str:
    """Return `INSERT INTO table (...) VALUES (...)`. `on_clash`: the assignments for a row whose key exists."""
    clash = f" ON DUPLICATE KEY UPDATE {on_clash}" if on_clash else ""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places(columns)}){clash}"  # noqa: S608 - our own names


def places(values: Sequence[Any]) -> str:
    """Return a placeholder for each value."""
    return ", ".join(["%s"] * len(values))


def many(connection: sa.Connection, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run a statement for all rows, if there are any, in parts of bounded size."""
    for part in parts_of(map(tuple, rows), _BYTES_MAX, _bytes_of):
        connection.exec_driver_sql(statement, part)


def _bytes_of(row: Sequence[Any]) -> int:
    return sum(len(value) for value in row if isinstance(value, str | bytes))


def rows_with(connection: sa.Connection, query: str, values: Iterable[Any]) -> list[Any]:
    """Return the rows of `query`, whose `{}` is replaced by one placeholder per value."""
    wanted = sorted(set(values))
    found: list[Any] = []
    for page in parts_of(wanted, _VALUES_MAX):
        found += connection.exec_driver_sql(query.format(places(page)), tuple(page)).all()
    return found


def from_row(kind: type[T], row: sa.Row[Any], **computed: Any) -> T:
    """Return a dataclass whose fields are the row's columns of the same names, except for the `computed` fields."""
    columns = row._mapping
    return kind(**{each.name: columns[each.name] for each in fields(kind) if each.name not in computed}, **computed)  # type: ignore[arg-type]


def now() -> str:
    """Return the current time in the form of a DATETIME column: UTC without a time zone."""
    return moment(utc_now())


def moment(at: datetime) -> str:
    """Return a time in the form of a DATETIME column. `at` must have a time zone."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")


def json(value: Any) -> str:
    """Return a value as JSON for a TEXT column. Members of enums become their values, as keys too."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def added(columns: Iterable[str]) -> str:
    """Return `a = a + VALUES(a), ...`."""
    return ", ".join(f"{column} = {column} + VALUES({column})" for column in columns)


#: Widens a span so that it includes the new row.
WIDENED = "first_id = LEAST(first_id, VALUES(first_id)), last_id = GREATEST(last_id, VALUES(last_id))"


def counted(things: Iterable[Any]) -> Mapping[Any, int]:
    """Return how often each thing occurs, sorted by thing."""
    counts: dict[Any, int] = {}
    for thing in things:
        counts[thing] = counts.get(thing, 0) + 1
    return dict(sorted(counts.items()))
