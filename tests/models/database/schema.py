"""Schema: tables as a server shows them, with the values that each column accepts."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_TABLE = re.compile(r"CREATE TABLE `(\w+)` \(\n(.*?)\n\);", re.DOTALL)
_COLUMN = re.compile(r"`(\w+)` (\w+)(?:\(([\d,]+)\))?(.*)")
_KEY = re.compile(r"(PRIMARY|UNIQUE)? ?KEY (?:`(\w+)` )?\((.*)\)")
_DEFAULT = re.compile(r"DEFAULT (?:'([^']*)'|(\d+)|NULL)")
_GENERATED = re.compile(r"GENERATED ALWAYS AS \(`(\w+)`\)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `size`: of its type, as written; `default`: None is NULL, and `required` says that there is no
    default."""

    name: str
    type: str
    size: int
    nullable: bool
    required: bool
    default: str | int | None
    automatic: bool
    ascii: bool
    #: The column whose value it copies.
    generated_from: str | None


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `keys`: the unique ones by name; the first is the primary key."""

    name: str
    columns: dict[str, Column]
    keys: dict[str, tuple[str, ...]]
    indexes: dict[str, tuple[str, ...]]
    stored: tuple[str, ...] = field(default=())

    @property
    def primary(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        return self.keys["PRIMARY"]

    def sqlite(self) -> list[str]:
        """Return the statements that make the table in SQLite."""
        automatic = next((column for column in self.columns.values() if column.automatic), None)
        lines = [_column(self.columns[name]) for name in self.stored]
        for columns in self.keys.values():
            kind = "PRIMARY KEY" if columns is self.primary else "UNIQUE"
            if not (automatic and kind == "PRIMARY KEY"):
                lines.append(f"{kind} ({_names(columns)})")
        return [
            f'CREATE TABLE "{self.name}" ({", ".join(lines)})',
            *(
                f'CREATE INDEX "{self.name}_{name}" ON "{self.name}" ({_names(columns)})'
                for name, columns in self.indexes.items()
            ),
        ]


def _names(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


def _column(column: Column) -> str:
    if column.automatic:
        return f'"{column.name}" INTEGER PRIMARY KEY AUTOINCREMENT'
    kind = {"bigint": "INTEGER", "int": "INTEGER", "tinyint": "INTEGER", "mediumblob": "BLOB"}.get(column.type, "TEXT")
    # Trailing spaces do not count in MySQL's own comparisons by bytes either.
    collation = " COLLATE RTRIM" if kind == "TEXT" else ""
    return f'"{column.name}" {kind}{collation}{"" if column.nullable else " NOT NULL"}'


def read(text: str) -> dict[str, Table]:
    """Return tables by name, from `CREATE TABLE` statements."""
    return {name: _table(name, body.split(",\n")) for name, body in _TABLE.findall(text)}


def _table(name: str, lines: list[str]) -> Table:
    columns: dict[str, Column] = {}
    keys: dict[str, tuple[str, ...]] = {}
    indexes: dict[str, tuple[str, ...]] = {}
    for line in map(str.strip, lines):
        if found := _COLUMN.match(line):
            columns[found[1]] = _column_of(*found.groups())
        elif found := _KEY.match(line):
            names = tuple(re.findall(r"`(\w+)`", found[3]))
            if found[1]:
                keys[found[2] or "PRIMARY"] = names
            else:
                indexes[found[2]] = names
    stored = tuple(column.name for column in columns.values() if not column.generated_from)
    return Table(name, columns, keys, indexes, stored)


def _column_of(name: str, kind: str, size: str | None, rest: str) -> Column:
    default, generated = _DEFAULT.search(rest), _GENERATED.search(rest)
    value: str | int | None = None
    if default:
        value = int(default[2]) if default[2] else default[1]
    nullable, automatic = "NOT NULL" not in rest, "AUTO_INCREMENT" in rest
    return Column(
        name=name,
        type=kind,
        size=int(size or 0),
        nullable=nullable,
        required=not nullable and not default and not automatic and not generated,
        default=value,
        automatic=automatic,
        ascii="CHARACTER SET ascii" in rest,
        generated_from=generated[1] if generated else None,
    )


@cache
def migrated() -> dict[str, Table]:
    """Return the tables that deploy/migrations makes."""
    return read(Path(__file__).with_name("schema.sql").read_text())
