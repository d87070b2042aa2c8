"""Kept unique: which columns the database keeps unique. Exactly-once application, and one holder per unique value,
depend on these keys."""

from collections import defaultdict
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.shared.domain.registry import domain
from holdfast.shared.store.engine import Engine, reading
from holdfast.shared.store.tables import metadata, table_of

# A table without an index has a row here too. A table on which this user has no right has none.
_INDEXES = (
    "SELECT t.table_name, s.index_name, s.column_name, s.non_unique, s.sub_part FROM information_schema.tables t"
    " LEFT JOIN information_schema.statistics s ON s.table_schema = t.table_schema AND s.table_name = t.table_name"
    " WHERE t.table_schema = DATABASE()"
)


class Unique(NamedTuple):
    """Columns of a table, in alphabetical order, whose values may not be the same in two rows."""

    table: str
    columns: tuple[str, ...]


def kept_unique(engine: Engine) -> dict[Unique, bool]:
    """Return, for each declared key, whether an index keeps it unique. Tables that this user may not see are left out.
    Raises a Fault."""
    with reading(engine) as connection:
        rows: Any = connection.exec_driver_sql(_INDEXES).all()
    indexes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for table, index, column, non_unique, part in rows:
        if index and not non_unique:
            indexes[table, index].append(f"part of {column}" if part else str(column))
    kept = {Unique(table, tuple(sorted(columns))) for (table, _), columns in indexes.items()}
    seen = {row[0] for row in rows}
    return {each: each in kept for each in _declared() if each.table in seen}


def _declared() -> list[Unique]:
    tables = [*metadata.tables.values(), *(table_of(each) for each in domain().resources)]
    return [
        Unique(table.name, tuple(sorted(column.name for column in columns)))
        for table in tables
        for columns in _of(table)
    ]


def _of(table: sa.Table) -> list[list["sa.Column[Any]"]]:
    keys = [list(table.primary_key.columns), *(list(index.columns) for index in table.indexes if index.unique)]
    return [columns for columns in keys if columns]
