"""Changes: what a transaction did to rows, so that it can be undone and redone."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import apsw

from tests.models.database.schema import Table

Row = tuple[Any, ...]
Key = tuple[Any, ...]

_AS_IT_IS = nullcontext()


class Change(NamedTuple):
    """A change of one row: its old and its new values. None if there was, or is, no row."""

    table: str
    old: Row | None
    new: Row | None


@dataclass(frozen=True)
class Stored:
    """A table in SQLite: the statements for its rows, and the keys of a row."""

    table: Table

    @cached_property
    def _at(self) -> dict[str, tuple[int, ...]]:
        places = {name: at for at, name in enumerate(self.table.stored)}
        return {key: tuple(places[name] for name in names) for key, names in self.table.keys.items()}

    @cached_property
    def _where(self) -> str:
        return " AND ".join(f'"{name}" = ?' for name in self.table.primary)

    @cached_property
    def insert(self) -> str:
        """The statement that inserts a whole row."""
        return f'INSERT INTO "{self.table.name}" VALUES ({", ".join("?" * len(self.table.stored))})'

    @cached_property
    def update(self) -> str:
        """The statement that updates a whole row, by its primary key."""
        sets = ", ".join(f'"{name}" = ?' for name in self.table.stored)
        return f'UPDATE "{self.table.name}" SET {sets} WHERE {self._where}'

    @cached_property
    def delete(self) -> str:
        """The statement that deletes a row by its primary key."""
        return f'DELETE FROM "{self.table.name}" WHERE {self._where}'

    @cached_property
    def clashing(self) -> str:
        """The statement that selects the primary keys of the rows which share a unique key with this row."""
        alike = (" AND ".join(f'"{name}" = :{name}' for name in names) for names in self.table.keys.values())
        names = ", ".join(f'"{name}"' for name in self.table.primary)
        return f'SELECT {names} FROM "{self.table.name}" WHERE ({") OR (".join(alike)})'

    def primary(self, row: Row) -> Key:
        """Return the primary key of a row."""
        return tuple(row[at] for at in self._at["PRIMARY"])

    def keys(self, row: Row | None) -> set[Key]:
        """Return what a transaction locks that inserts or deletes this row: (table, key, *values) for each unique
        key."""
        if row is None:
            return set()
        keys = {(self.table.name, key, *(folded(row[at]) for at in places)) for key, places in self._at.items()}
        return {key for key in keys if None not in key}


def folded(value: Any) -> Any:
    """Return a value as keys compare it: trailing spaces do not count."""
    return value.rstrip(" ") if isinstance(value, str) else value


class Rows:
    """The rows of all tables, as all transactions have left them."""

    def __init__(self, sqlite: apsw.Connection, tables: dict[str, Table]) -> None:
        self.sqlite = sqlite
        self.stored = {name: Stored(table) for name, table in tables.items()}
        self._log: list[Change] | None = None
        sqlite.preupdate_hook(self._noticed)

    def _noticed(self, update: Any) -> None:
        if self._log is not None:
            self._log.append(Change(update.table_name, update.old, update.new))

    def keys(self, changes: Iterable[Change]) -> set[Key]:
        """Return all keys of the changed rows, old and new."""
        keys: set[Key] = set()
        for table, old, new in changes:
            keys |= self.stored[table].keys(old) | self.stored[table].keys(new)
        return keys

    @contextmanager
    def logged(self, log: list[Change]) -> Iterator[None]:
        """Append changes to this log while the context lasts."""
        self._log = log
        try:
            yield
        finally:
            self._log = None

    def undo(self, changes: Iterable[Change]) -> None:
        """Undo changes, the newest first. `changes`: the oldest first."""
        for change in reversed(list(changes)):
            self._put(change.table, change.new, change.old)

    def redo(self, changes: Iterable[Change]) -> None:
        """Redo changes, the oldest first."""
        for change in changes:
            self._put(change.table, change.old, change.new)

    def _put(self, name: str, there: Row | None, wanted: Row | None) -> None:
        stored = self.stored[name]
        if there is None:
            self.sqlite.execute(stored.insert, wanted)
        elif wanted is None:
            self.sqlite.execute(stored.delete, stored.primary(there))
        else:
            self.sqlite.execute(stored.update, (*wanted, *stored.primary(there)))

    def without(self, changes: list[Change], *, keep: bool) -> AbstractContextManager[None]:
        """Hide these changes while the context lasts. `keep`: whether changes made meanwhile stay."""
        return self._undone(changes, keep=keep) if changes else _AS_IT_IS

    @contextmanager
    def _undone(self, changes: list[Change], *, keep: bool) -> Iterator[None]:
        if not keep:
            self.sqlite.execute("SAVEPOINT view")
        try:
            self.undo(changes)
            yield
        finally:
            if keep:
                self.redo(changes)
            else:
                self.sqlite.execute("ROLLBACK TO view")
                self.sqlite.execute("RELEASE view")
