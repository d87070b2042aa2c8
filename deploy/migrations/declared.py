"""Declared: what the tables of declared resources lack, as statements that both MySQL and MariaDB take.

Tables that Holdfast comes with are changed by revisions, which `python -m holdfast.migrations revision NAME` writes.
Those of anybody's own resources are made and changed at the end of every upgrade.

| declared                               | done                                                              |
|----------------------------------------|-------------------------------------------------------------------|
| a new resource                         | its table is made                                                 |
| a new field that may be missing        | its columns are added                                             |
| a field that is required now           | its columns are added, and hold its `Backfill`; without, refused  |
| a longer text                          | its column is widened; it is never narrowed                       |
| a field may be missing now             | its column takes NULL                                             |
| a field is gone, and named in `removed`| its columns stay as they are, and a delete empties them           |
| a field is gone, and not named there   | refused: writes that set it may be on their way                   |
| another kind of value, a field that becomes unique, or unique by another `key` | refused: declare a new field |
| the table is another program's          | refused: its rows have no versions, so none of them would be seen |

What made the keys of a column is its comment: where a build did not keep them, or made others, equal values may be
there already.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from holdfast.shared.domain import DEFAULT, registry
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.store.tables import table_of

#: What to do about a change that no statement makes safe.
_INSTEAD = ": declare a new field that may be missing, and copy the values with PATCH while both are declared"

#: The comment on the column of a key that no build keeps at present.
_NOT_KEPT = "not kept"

#: Columns for which earlier builds made an index.
_INDEXED_BEFORE = ("created_version",)

_TEXT_CHARS = {"TINYTEXT": 2**8 // 4, "TEXT": 2**16 // 4, "MEDIUMTEXT": 2**24 // 4, "LONGTEXT": 2**32 // 4}


class Change(NamedTuple):
    """A statement, and the one that reverts it, or '' if it cannot be reverted."""

    up: str
    down: str = ""


class RefusedError(Exception):
    """The declaration and the table do not fit. The message says where and why."""


def own() -> tuple[ResourceType, ...]:
    """Return the resources of this process whose tables no revision makes."""
    shipped = registry.load(DEFAULT).resources
    return tuple(resource for resource in registry.domain().resources if resource not in shipped)


def shipped() -> tuple[ResourceType, ...]:
    """Return the resources of this process whose tables revisions make."""
    mine = own()
    return tuple(resource for resource in registry.domain().resources if resource not in mine)


def changes(connection: sa.Connection, resources: Iterable[ResourceType]) -> list[Change]:
    """Return what the resources' tables lack. Raises RefusedError, which names all that does not fit."""
    found: list[Change] = []
    refused: list[str] = []
    for resource in resources:
        try:
            found += _changes(connection, resource)
        except RefusedError as error:
            refused.append(str(error))
    if refused:
        raise RefusedError("\n".join(refused))
    return found


def _changes(connection: sa.Connection, resource: ResourceType) -> list[Change]:
    table, inspector = table_of(resource), sa.inspect(connection)
    if not inspector.has_table(table.name):
        create = str(sa.schema.CreateTable(table).compile(dialect=connection.dialect)).strip()
        return [Change(create, f"DROP TABLE {_quoted(table.name)}"), *_indexes(table, set())]
    found = {column["name"]: column for column in inspector.get_columns(table.name)}
    if not {"created_version", "deleted_version"} <= found.keys():
        raise RefusedError(
            f"the table {table.name} is not one that Holdfast made: declare another plural, or rename the table"
        )
    if refused := [
        *_new_keys(resource, found),
        *_what_writes_lack(resource, found),
        *_what_writes_have(resource, table, found),
        *_other_kinds(table, found),
    ]:
        raise RefusedError("\n".join(refused))
    return [
        *_columns(resource, table, found),
        *_gone(table, found),
        *_indexes(table, {str(index["name"]) for index in inspector.get_indexes(table.name)}),
    ]


def _columns(resource: ResourceType, table: sa.Table, found: Mapping[str, Any]) -> Iterable[Change]:
    marked = resource in own()
    alter, before = f"ALTER TABLE {_quoted(table.name)}", ""
    filled = {field.name: field.backfill.value for field in resource.fields if field.backfill}
    for column in table.columns:
        if column.name not in found:
            default = "" if column.nullable else f" DEFAULT ({_literal(filled.get(column.name, 0))})"
            yield Change(
                f"{alter} ADD COLUMN {_specification(column, nullable=column.nullable)}{default} AFTER {before}",
                f"{alter} DROP COLUMN {_quoted(column.name)}",
            )
        elif (
            _wider(column, found[column.name]["type"])
            or (column.nullable and not found[column.name]["nullable"])
            or (marked and column.comment and not found[column.name].get("comment"))
        ):
            # A column that takes NULL keeps doing so: its rows may have no value, and the previous build inserts more.
            nullable = column.nullable or found[column.name]["nullable"]
            yield Change(f"{alter} MODIFY {_specification(column, nullable=nullable)}")
        before = _quoted(column.name)


def _specification(column: "sa.Column[Any]", *, nullable: bool | None) -> str:
    """Return the column's definition, as in a CREATE TABLE."""
    same = sa.Column(column.name, column.type, nullable=nullable, comment=column.comment, quote=True)
    return str(sa.schema.CreateColumn(same).compile(dialect=mysql.dialect()))


def _gone(table: sa.Table, found: Mapping[str, Any]) -> Iterable[Change]:
    """Return the changes for a column that is no longer declared. An insert that does not know the column must work,
    and a build that knows it must understand the row: a version of 0 means that the field was never set. Keys are not
    kept from here on."""
    for name, column in found.items():
        if name in table.columns:
            continue
        kind = column["type"].compile(dialect=mysql.dialect())
        modify = f"ALTER TABLE {_quoted(table.name)} MODIFY {_quoted(name)} {kind}"
        if not column["nullable"] and column["default"] is None:
            yield Change(f"{modify} {'NOT NULL DEFAULT 0' if _is_version(name, found) else 'NULL'}")
        elif _is_key(name, found) and column.get("comment") != _NOT_KEPT:
            yield Change(f"{modify} NULL COMMENT '{_NOT_KEPT}'")


def _is_key(name: str, found: Mapping[str, Any]) -> bool:
    return name.endswith("_key") and f"{name.removesuffix('_key')}_version" in found


def _is_version(name: str, found: Mapping[str, Any]) -> bool:
    return name.endswith("_version") and name.removesuffix("_version") in found


def _indexes(table: sa.Table, found: set[str]) -> Iterable[Change]:
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.name not in found:
            create = str(sa.schema.CreateIndex(index).compile(dialect=mysql.dialect()))
            yield Change(create, f"DROP INDEX {_quoted(str(index.name))} ON {_quoted(table.name)}")
    for name in found & {f"{table.name}_{column}" for column in _INDEXED_BEFORE}:
        drop, where = f"DROP INDEX {_quoted(name)} ON {_quoted(table.name)}", name.removeprefix(f"{table.name}_")
        yield Change(drop, f"CREATE INDEX {_quoted(name)} ON {_quoted(table.name)} ({_quoted(where)})")


def _new_keys(resource: ResourceType, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a field cannot be unique, or not by this key."""
    for field in resource.unique:
        key, where = found.get(f"{field.name}_key"), f"{resource.plural}.{field.name}"
        if field.name in found and (key is None or key.get("comment") == _NOT_KEPT):
            yield f"{where} becomes unique, and may have equal values already{_INSTEAD}"
        if key and key.get("comment") not in (None, "", _NOT_KEPT, field.key_mark):
            yield f"{where} is unique by another key now, and its rows have the old keys{_INSTEAD}"


def _what_writes_lack(resource: ResourceType, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the required fields that the previous build does not know. Its apis accept writes, and its writers insert
    rows, until they are replaced."""
    for field in resource.fields:
        known = field.name in found and not found[field.name]["nullable"]
        if field.required and not field.backfill and not known:
            what = "its value in rows and writes of the previous build, with Backfill(...)"
            if field.unique:
                what = "it `| None = None`, as no value fits all rows and writes of the previous build"
            yield f"{resource.plural}.{field.name} is required, and was not before: declare {what}"


def _what_writes_have(resource: ResourceType, table: sa.Table, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the dropped fields that queued writes may set, unless the resource lists them in `removed`."""
    for name in found:
        if f"{name}_version" in found and name not in table.columns and name not in resource.removed:
            yield (
                f"{resource.plural}.{name} is not declared any more, and writes that set it may be on their way: with"
                f' removed=["{name}"], they are applied without it'
            )


def _other_kinds(table: sa.Table, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the columns that hold values of another kind."""
    for column in table.columns:
        if column.name in found and _kind(column.type) != _kind(found[column.name]["type"]):
            yield f"{table.name}.{column.name} would hold another kind of value{_INSTEAD}"


def _wider(column: "sa.Column[Any]", found: Any) -> bool:
    """Return whether the declared column holds more than the existing one."""
    return isinstance(column.type, sa.String) and _chars(column.type) > _chars(found)


def _kind(column: Any) -> str:
    if isinstance(column, sa.String):
        return "text"
    return "boolean" if isinstance(column, sa.Boolean | mysql.TINYINT) else "integer"


def _chars(kind: Any) -> int:
    return kind.length or _TEXT_CHARS[type(kind).__name__]


def _literal(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) else "'" + value.replace("\\", r"\\").replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return f"`{name}`"
