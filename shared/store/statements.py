"""Statements: the SQL of each resource, derived once from its table; and how an entity is made from a row.

The statements are strings that go to PyMySQL past SQLAlchemy's bookkeeping, which halves their cost. A `{}` takes
one placeholder per value of a list. The columns are in the order of an Entity: id, values, versions, keys, and the
versions of its creation and deletion.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.store.tables import table_of, unique_index
from holdfast.shared.writes.merge import Entity


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements of one resource."""

    insert: str
    #: Changes rows that the transaction has locked, and so finds each by its id. Columns that only another build knows
    #: stay as they are.
    change: str
    #: Takes the unique values from the rows with these ids.
    take_values: str
    #: The rows with these ids; `lock` also locks the rows until the transaction ends, and fails without a primary key.
    select: str
    lock: str
    #: The ids that have a row; `lock_free` locks the rows that no other transaction has locked, and returns their ids.
    existing: str
    lock_free: str
    #: For each unique field, the rows with these keys. It fails if the field's unique index is missing.
    by_key: tuple[str, ...]
    #: No row, for a UNION with a statement of four columns, and fails if a unique index is missing, or the primary key
    #: of the resource or of the operations.
    kept_apart: str
    delete: str
    #: The columns of `select`, for queries made with SQLAlchemy.
    columns: tuple["sa.Column[Any]", ...]


@cache
def statements_of(resource: ResourceType) -> Statements:
    """Return the statements of a resource, which are computed once."""
    table = table_of(resource)
    names = [
        "id",
        *(field.name for field in resource.fields),
        *(f"{field.name}_version" for field in resource.fields),
        *(f"{field.name}_key" for field in resource.unique),
        "created_version",
        "deleted_version",
    ]
    quoted, name = [*map(_quoted, names)], _quoted(resource.plural)
    columns, nulls = ", ".join(quoted), ", ".join(f"{_quoted(f'{field.name}_key')} = NULL" for field in resource.unique)
    indexes = [_quoted(unique_index(resource, field)) for field in resource.unique]
    keys = ", ".join(["PRIMARY", *indexes])
    insert = insert_into(resource.plural, names)
    return Statements(
        insert=insert,
        change=f"{insert} ON DUPLICATE KEY UPDATE {', '.join(f'{each} = VALUES({each})' for each in quoted[1:])}",
        take_values=f"UPDATE {name} SET {nulls} WHERE id IN ({{}})",  # noqa: S608 - declared names
        select=f"SELECT {columns} FROM {name} WHERE id IN ({{}})",  # noqa: S608 - declared names
        lock=f"SELECT {columns} FROM {name} FORCE INDEX (PRIMARY) WHERE id IN ({{}}) FOR UPDATE",  # noqa: S608
        existing=f"SELECT id FROM {name} WHERE id IN ({{}})",  # noqa: S608 - declared names
        lock_free=f"SELECT id FROM {name} WHERE id IN ({{}}) FOR UPDATE SKIP LOCKED",  # noqa: S608 - declared names
        by_key=tuple(
            f"SELECT {columns} FROM {name} FORCE INDEX ({index})"  # noqa: S608 - declared names
            f" WHERE {_quoted(f'{field.name}_key')} IN ({{}})"
            for field, index in zip(resource.unique, indexes, strict=True)
        ),
        kept_apart=f"SELECT '', '', '', 0 FROM {name} FORCE INDEX ({keys}),"  # noqa: S608 - declared names
        " operations FORCE INDEX (PRIMARY) WHERE FALSE",
        delete=f"DELETE FROM {name} WHERE id IN ({{}})",  # noqa: S608 - declared names
        columns=tuple(table.c[each] for each in names),
    )


def insert_into(table: str, columns: Sequence[str]) -> str:
    """Return an INSERT for `executemany`."""
    names, values = ", ".join(map(_quoted, columns)), ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {_quoted(table)} ({names}) VALUES ({values})"  # noqa: S608 - declared names


def entity_from(resource: ResourceType, row: Sequence[Any]) -> Entity:
    """Return the entity that a row of `columns` holds."""
    versions = len(resource.fields) + 1
    keys = versions + len(resource.fields)
    values = tuple(row[1:versions])
    if unlike := _unlike(resource):
        values = tuple(unlike[at](value) if at in unlike else value for at, value in enumerate(values))
    return Entity(resource, row[0], values, tuple(row[versions:keys]), tuple(row[keys:-2]), row[-2], row[-1])


@cache
def _unlike(resource: ResourceType) -> Mapping[int, Callable[[Any], Any]]:
    """Return, by the field's index, a converter for each value that a row may hold in another form. MySQL has numbers
    for booleans; and if an earlier build did not require a field, NULL stands for the field's `Backfill`."""
    return {field.index: _reader(field) for field in resource.fields if field.type.python is bool or field.backfill}


def _reader(field: Field) -> Callable[[Any], Any]:
    python, missing = field.type.python, field.backfill.value if field.backfill else None
    return lambda value: missing if value is None else python(value)


def _quoted(name: str) -> str:
    """Return a quoted name, because a field may be called `order`."""
    return f"`{name}`"
