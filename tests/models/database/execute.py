"""Execution: one statement of one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import apsw

from tests.models.database.changes import Key, Rows, Stored, folded
from tests.models.database.errors import error
from tests.models.database.faults import Faults
from tests.models.database.plan import Change, Computed, Insert, Parameter, Plan, Select
from tests.models.database.schema import Table
from tests.models.database.transaction import Transaction, Transactions
from tests.models.database.translate import NAMED, Translator
from tests.models.database.values import bound

Values = dict[str, Any]

_KEY_ERRORS = (apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_ROWID)
_TURNS: dict[str | None, Callable[[Any], Any]] = {
    "moment": lambda value: value if value is None else datetime.fromisoformat(value),
    "decimal": lambda value: value if value is None else Decimal(str(value)),
    None: lambda value: value,
}


@dataclass(slots=True)
class Result:
    """A result. `names`: None if the statement returns no rows."""

    rows: list[tuple[Any, ...]]
    names: tuple[str, ...] | None
    count: int
    last_id: int = 0


class Executor:
    """Runs plans for one session. `lock_wait_s`: its limit."""

    def __init__(self, rows: Rows, transactions: Transactions, translator: Translator, faults: Faults) -> None:
        self._faults = faults
        self._rows = rows
        self._sqlite = rows.sqlite
        self._transactions = transactions
        self._translator = translator
        #: The transaction whose statement runs, for `mysql_free`.
        self._running: Transaction | None = None

    def plan(self, text: str) -> Plan:
        """Return the plan of a text. Raises the server's error for a text that it does not accept."""
        return self._translator.plan(text)

    def is_free(self, table: str, *key: Any) -> bool:
        """Return whether the running statement could lock this row."""
        assert self._running
        return self._transactions.is_free(self._running, (table, "PRIMARY", *map(folded, key)))

    def run(
        self, plan: Plan, transaction: Transaction, many: Sequence[Sequence[Any]], lock_wait_s: float, *, snapshot: bool
    ) -> Result:
        """Run a plan for each list of parameters, completely or not at all. Raises the server's errors."""
        mark = len(transaction.changes)
        try:
            if isinstance(plan, Select):
                return self._select(plan, transaction, _values(many[0]), lock_wait_s, snapshot=snapshot)
            count, last_id = 0, 0
            for args in many:
                if isinstance(plan, Insert):
                    more, new_id = self._insert(plan, transaction, _values(args), lock_wait_s)
                    last_id = last_id or new_id
                else:
                    more = self._change(plan, transaction, _values(args), lock_wait_s)
                count += more
            return Result([], None, count, last_id)
        except BaseException:
            if not transaction.killed:
                self._transactions.roll_back_to(transaction, mark)
            raise

    # --- SELECT ---

    def _select(
        self, plan: Select, transaction: Transaction, values: Values, lock_wait_s: float, *, snapshot: bool
    ) -> Result:
        if not plan.locks:
            if snapshot:
                self._transactions.take_snapshot(transaction)
            hidden = self._transactions.hidden(transaction, plan.tables, snapshot=snapshot)
            with self._rows.without(hidden, keep=False):
                return self._result(plan, self._fetch(plan.sql, values))
        widths = [len(table.primary) for table in plan.locks]
        while True:
            rows = self._as_seen(plan.sql, transaction, plan.tables, values)
            dirty = rows
            if not plan.skip and self._transactions.hidden(transaction, plan.tables, snapshot=False):
                dirty = self._fetch(plan.sql, values)
            keys = {key for row in (*rows, *dirty) for key in _keys(plan.locks, widths, row[len(row) - sum(widths) :])}
            if self._lock(transaction, keys, lock_wait_s if plan.wait else None):
                break
        return self._result(plan, [row[: len(row) - sum(widths)] for row in rows])

    def _as_seen(self, sql: str, transaction: Transaction, tables: frozenset[str], values: Values) -> list[Any]:
        """Show the transaction's own changes and what is committed now."""
        self._running = transaction
        with self._rows.without(self._transactions.hidden(transaction, tables, snapshot=False), keep=False):
            return self._fetch(sql, values)

    def _fetch(self, sql: str, values: Values) -> list[Any]:
        try:
            return self._sqlite.execute(sql, values).fetchall()
        except apsw.SQLError as wrong:
            raise _wrong(wrong) from None

    def _result(self, plan: Select, rows: list[Any]) -> Result:
        if any(plan.kinds):
            turns = [_TURNS[kind] for kind in plan.kinds]
            rows = [tuple([turn(value) for turn, value in zip(turns, row, strict=True)]) for row in rows]
        return Result(rows, plan.names, len(rows))

    # --- INSERT ---

    def _insert(self, plan: Insert, transaction: Transaction, values: Values, lock_wait_s: float) -> tuple[int, int]:
        if plan.missing:
            raise error(1364, f"Field '{plan.missing}' doesn't have a default value")
        stored, count, last_id = self._rows.stored[plan.table.name], 0, 0
        for cells in plan.rows:
            row = [check(self._cell(cell, values)) for check, cell in zip(plan.checks, cells, strict=True)]
            whole = dict(zip(plan.columns, row, strict=True))
            keys = stored.keys(tuple(whole.get(name) for name in plan.table.stored))
            while True:
                wanted = self._taken(transaction, keys) | (self._clashing(stored, whole) if plan.upsert else set())
                if self._lock(transaction, wanted, lock_wait_s):
                    break
            if self._faults.refused:
                self._faults.at(_keys((plan.table,), [len(plan.table.primary)], [*map(whole.get, plan.table.primary)]))
            before = len(transaction.changes)
            try:
                with self._rows.logged(transaction.changes):
                    self._sqlite.execute(plan.sql, row)
            except apsw.ConstraintError as clash:
                raise _clash(clash, plan.table, whole) from None
            new = transaction.changes[before:]
            self._hold(transaction, new)
            count += 2 if new and new[-1].old is not None and new[-1].old != new[-1].new else 1
            last_id = last_id or (self._sqlite.last_insert_rowid() if new and new[-1].old is None else 0)
        return count, last_id

    def _cell(self, cell: Any, values: Values) -> Any:
        if isinstance(cell, Parameter):
            return values[cell.name]
        if isinstance(cell, Computed):
            return self._sqlite.execute(f"SELECT {cell.sql}", values).fetchone()[0]
        return cell

    def _taken(self, transaction: Transaction, keys: set[Key]) -> set[Key]:
        return {key for key in keys if not self._transactions.is_free(transaction, key)}

    def _clashing(self, stored: Stored, row: Values) -> set[Key]:
        """Return the existing rows that an upsert locks, whether it changes anything or not."""
        values = {name: row.get(name) for names in stored.table.keys.values() for name in names}
        found = self._sqlite.execute(stored.clashing, values).fetchall()
        return {key for each in found for key in _keys((stored.table,), [len(each)], each)}

    # --- UPDATE, DELETE ---

    def _change(self, plan: Change, transaction: Transaction, values: Values, lock_wait_s: float) -> int:
        for name, check in plan.checks:
            values[name] = check(values[name])
        widths = [len(plan.table.primary)]
        while True:
            seen = self._as_seen(plan.targets, transaction, plan.tables, values)
            dirty = seen
            if self._transactions.hidden(transaction, plan.tables, snapshot=False):
                dirty = self._fetch(plan.targets, values)
            keys = {key for row in (*seen, *dirty) for key in _keys((plan.table,), widths, row)}
            if self._lock(transaction, keys, lock_wait_s):
                break
        if not seen:
            return 0
        if self._faults.refused:
            self._faults.at(key for row in seen for key in _keys((plan.table,), widths, row))
        before = len(transaction.changes)
        stored = self._rows.stored[plan.table.name]
        hidden = self._transactions.hidden(transaction, plan.tables, snapshot=False) if plan.sql else []
        with self._rows.without(hidden, keep=True), self._rows.logged(transaction.changes):
            try:
                if plan.sql:
                    self._sqlite.execute(plan.sql, values)
                else:
                    self._sqlite.executemany(stored.delete, seen)
            except apsw.ConstraintError as clash:
                raise _clash(clash, plan.table, {}) from None
        self._hold(transaction, transaction.changes[before:])
        return len(seen)

    def _hold(self, transaction: Transaction, changes: Sequence[Any]) -> None:
        """Lock the keys that changes added or removed."""
        keys: set[Key] = set()
        for table, old, new in changes:
            stored = self._rows.stored[table]
            keys |= stored.keys(old) ^ stored.keys(new)
        self._transactions.imply(transaction, keys)

    def _lock(self, transaction: Transaction, keys: set[Key], lock_wait_s: float | None) -> bool:
        """Lock rows, and return whether no wait was needed. After a wait the statement reads again."""
        return self._transactions.lock(transaction, keys, lock_wait_s)


def _values(args: Sequence[Any] | dict[str, Any]) -> Values:
    if isinstance(args, dict):
        return {NAMED + name: bound(value) for name, value in args.items()}
    return {f"p{at}": bound(value) for at, value in enumerate(args)}


def _keys(tables: Sequence[Table], widths: Sequence[int], row: Sequence[Any]) -> list[Key]:
    keys, at = [], 0
    for table, width in zip(tables, widths, strict=True):
        part = row[at : at + width]
        at += width
        if None not in part:  # of an outer join, it may be
            keys.append((table.name, "PRIMARY", *map(folded, part)))
    return keys


def _wrong(wrong: apsw.SQLError) -> Exception:
    what, _, name = str(wrong).partition(": ")
    if what == "no such column":
        return error(1054, f"Unknown column '{name}' in 'field list'")
    return NotImplementedError(f"the database model: {wrong}")


def _clash(clash: apsw.ConstraintError, table: Table, row: Values) -> Exception:
    if getattr(clash, "extendedresult", 0) not in _KEY_ERRORS:
        name = str(clash).rpartition(".")[2]
        return error(1048, f"Column '{name}' cannot be null")
    columns = tuple(part.strip().rpartition(".")[2] for part in str(clash).partition(": ")[2].split(","))
    key = next((key for key, names in table.keys.items() if names == columns), "PRIMARY")
    value = "-".join(str(row.get(name, "")) for name in columns)
    return error(1062, f"Duplicate entry '{value}' for key '{key}'")
