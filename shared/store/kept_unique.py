"""Kept unique: which columns the database keeps unique, of those on which it depends that no write takes effect twice
and no value has two holders."""

from collections import defaultdict
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.shared.domain.registry import domain
from holdfast.shared.store.engine import Engine, reading
from holdfast.shared.store.tables import metadata, table_of

# A table without any index has a row of it, too; one on which this user has no right has none.
_INDEXES = (
    "SELECT t.table_name, s.index_name, s.column_name, s.non_unique, s.sub_part FROM information_schema.tables t"
    " LEFT JOIN information_schema.statistics s ON s.table_schema = t.table_schema AND s.table_name = t.table_name"
    " WHERE t.table_schema = DATABASE()"
)


class Unique(NamedTuple):
    """Columns of a table, in alphabetical order, of which no two rows may have the same values."""

    table: str
    columns: tuple[str, ...]


def kept_unique(engine: Engine) -> dict[Unique, bool]:
    """Each that is declared -> whether an index keeps it so. Without those of tables that this user may not see. Raises
    a Fault."""
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
