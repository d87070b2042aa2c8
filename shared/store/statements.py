"""Statements: the SQL of each resource, derived from its table once; and how its rows are read and made.

They are strings in the form that PyMySQL turns into one statement: past the ORM's bookkeeping they cost half. A `{}`
is a placeholder for each value of a list. Columns are in the order of an Entity: id, values, versions, keys, and the
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
    """Of one resource."""

    insert: str
    #: The rows with these ids; and the same, locked until the transaction ends.
    select: str
    lock: str
    #: The ids among these that have a row, and of those the ones that are free to lock.
    existing: str
    lock_free: str
    #: The rows with these keys, for each unique field: an error when the index is not there that keeps them apart.
    by_key: tuple[str, ...]
    #: No row, to be united with those of a statement with four columns; and the same error. Empty: no field is unique.
    kept_apart: str
    delete: str
    #: The same columns, for queries made with SQLAlchemy.
    columns: tuple["sa.Column[Any]", ...]


@cache
def statements_of(resource: ResourceType) -> Statements:
    """Computed once."""
    table = table_of(resource)
    names = [
        "id",
        *(field.name for field in resource.fields),
        *(f"{field.name}_version" for field in resource.fields),
        *(f"{field.name}_key" for field in resource.unique),
        "created_version",
        "deleted_version",
    ]
    columns, name = ", ".join(map(_quoted, names)), _quoted(resource.plural)
    indexes = [_quoted(unique_index(resource, field)) for field in resource.unique]
    return Statements(
        insert=insert_into(resource.plural, names),
        select=(select := f"SELECT {columns} FROM {name} WHERE id IN ({{}})"),  # noqa: S608 - declared names
        lock=f"{select} FOR UPDATE",
        existing=f"SELECT id FROM {name} WHERE id IN ({{}})",  # noqa: S608 - declared names
        lock_free=f"SELECT id FROM {name} WHERE id IN ({{}}) FOR UPDATE SKIP LOCKED",  # noqa: S608 - declared names
        by_key=tuple(
            f"SELECT {columns} FROM {name} FORCE INDEX ({index})"  # noqa: S608 - declared names
            f" WHERE {_quoted(f'{field.name}_key')} IN ({{}})"
            for field, index in zip(resource.unique, indexes, strict=True)
        ),
        kept_apart=f"SELECT '', '', '', 0 FROM {name} FORCE INDEX ({', '.join(indexes)}) WHERE FALSE"  # noqa: S608
        if indexes
        else "",
        delete=f"DELETE FROM {name} WHERE id IN ({{}})",  # noqa: S608 - declared names
        columns=tuple(table.c[each] for each in names),
    )


def insert_into(table: str, columns: Sequence[str]) -> str:
    """For many rows at once."""
    names, values = ", ".join(map(_quoted, columns)), ", ".join(["%s"] * len(columns))
    return f"INSERT INTO {_quoted(table)} ({names}) VALUES ({values})"  # noqa: S608 - declared names


def entity_from(resource: ResourceType, row: Sequence[Any]) -> Entity:
    """The entity that a row of `columns` holds."""
    versions = len(resource.fields) + 1
    keys = versions + len(resource.fields)
    values = tuple(row[1:versions])
    if unlike := _unlike(resource):
        values = tuple(unlike[at](value) if at in unlike else value for at, value in enumerate(values))
    return Entity(resource, row[0], values, tuple(row[versions:keys]), tuple(row[keys:-2]), row[-2], row[-1])


@cache
def _unlike(resource: ResourceType) -> Mapping[int, Callable[[Any], Any]]:
    """The places of values that a row may hold in another form, and what makes the value of it: MySQL has only numbers
    for truth values; and where an earlier build did not require a value, NULL stands for the one that it has now."""
    return {field.index: _reader(field) for field in resource.fields if field.type.python is bool or field.backfill}


def _reader(field: Field) -> Callable[[Any], Any]:
    python, missing = field.type.python, field.backfill.value if field.backfill else None
    return lambda value: missing if value is None else python(value)


def _quoted(name: str) -> str:
    """A field may be called `order`."""
    return f"`{name}`"
