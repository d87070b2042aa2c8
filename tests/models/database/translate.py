"""Translation: turns a statement's text into its plan."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlglot
from sqlglot import exp

from tests.models.database.dialect import sqlite, translated
from tests.models.database.errors import error
from tests.models.database.plan import Change, Computed, Insert, Parameter, Plan, Select
from tests.models.database.schema import Table
from tests.models.database.values import check_of

#: A prefix for the names of parameters, some of which are words of SQL.
NAMED = "v_"
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)s|(s|%))")
#: A literal number that may differ the next time, and the placeholders for such numbers.
_VERSION = re.compile(r"\b\d{16}\b")
_OF_NO_WRITE = 9_000_000_000_000_000_001
_MOMENTS = (exp.UtcTimestamp, exp.TimestampAdd)


class Translator:
    """A translator for one schema. `plan` takes a text with `%s` or `%(name)s`, as PyMySQL does. Parameters without
    names are called `p0`, `p1`, …"""

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        columns = [column for table in tables.values() for column in table.columns.values()]
        others = {column.name for column in columns if column.type != "datetime"}
        #: Names that are moments wherever they are columns.
        self._moments = {column.name for column in columns if column.type == "datetime"} - others
        self._plans: dict[str, Plan] = {}
        self._generated = {column.name: column.generated_from for column in columns if column.generated_from}

    def plan(self, text: str) -> Plan:
        """Return the plan of a text, computed once. Raises the server's error for a statement that it does not
        accept."""
        plan = self._plans.get(text)
        if plan is not None:
            return plan
        if (versions := _VERSION.findall(text)) and text.startswith("SELECT"):
            return self._with(versions, text)
        plan = self._plans[text] = self._translated(text)
        return plan

    def _with(self, versions: list[str], text: str) -> Plan:
        """Return the plan of a text that differs from an earlier one only in the versions that it contains."""
        numbers = {version: str(_OF_NO_WRITE + at) for at, version in enumerate(dict.fromkeys(versions))}
        alike = _VERSION.sub(lambda found: numbers[found[0]], text)
        plan = self._plans.get(alike)
        if plan is None:
            plan = self._plans[alike] = self._translated(alike)
        assert isinstance(plan, Select)
        sql = plan.sql
        for version, number in numbers.items():
            sql = sql.replace(number, version)
        return replace(plan, sql=sql)

    def texts(self) -> list[str]:
        """Return the known statements."""
        return list(self._plans)

    def _translated(self, text: str) -> Plan:
        try:
            node: Any = sqlglot.parse_one(_named(text), read="mysql")
        except sqlglot.errors.ParseError as wrong:
            raise error(1064, f"You have an error in your SQL syntax: {wrong}") from None
        self._check_names(node)
        if isinstance(node, exp.Select | exp.Union | exp.Subquery):
            return self._select(node)
        if isinstance(node, exp.Insert):
            return self._insert(node)
        if isinstance(node, exp.Update | exp.Delete):
            return self._change(node)
        if isinstance(node, exp.Command | exp.Create | exp.Drop | exp.Alter):
            raise NotImplementedError(f"the database model: {text}")
        raise error(1064, f"You have an error in your SQL syntax: {text}")

    def _check_names(self, node: Any) -> None:
        for table in node.find_all(exp.Table):
            if table.name not in self._tables and not isinstance(node, exp.Delete):
                raise error(1146, f"Table 'holdfast.{table.name}' doesn't exist")
        for column in node.find_all(exp.Column):
            if source := self._generated.get(column.name):
                column.set("this", exp.to_identifier(source))

    def _read(self, node: Any) -> frozenset[str]:
        return frozenset(table.name for table in node.find_all(exp.Table) if table.name in self._tables)

    # --- SELECT ---

    def _select(self, node: Any) -> Select:
        first = node
        while isinstance(first, exp.Union | exp.Subquery):
            first = first.this
        self._expand(first)
        names, kinds = tuple(map(_name, first.expressions)), tuple(map(self._kind, first.expressions))
        tables, wait, skip = self._read(node), True, False
        locks: tuple[Table, ...] = ()
        if lock := next(iter(node.args.get("locks") or ()), None):
            # In sqlglot, `wait` True is NOWAIT, False is SKIP LOCKED, and None waits.
            node.set("locks", None)
            locks, (wait, skip) = self._locked(node), (lock.args.get("wait") is None, lock.args.get("wait") is False)
            if skip:
                self._only_free(node)
        return Select(tables, sqlite(translated(node)), names, kinds, locks, wait, skip)

    def _expand(self, node: Any) -> None:
        """Replace `*` by the names of the columns."""
        if node.is_star:
            columns = [exp.column(name, table=alias) for alias, table in self._sources(node) for name in table.stored]
            node.set("expressions", columns)

    def _sources(self, node: Any) -> list[tuple[str, Table]]:
        """Return the tables that a select itself reads, by their aliases."""
        sources = [node.args["from_"].this, *(join.this for join in node.args.get("joins") or ())]
        return [(each.alias_or_name, self._tables[each.name]) for each in sources if isinstance(each, exp.Table)]

    def _locked(self, node: Any) -> tuple[Table, ...]:
        sources = self._sources(node)
        for name, table in sources:
            for column in table.primary:
                node.append("expressions", exp.column(column, table=name))
        return tuple(table for _, table in sources)

    def _only_free(self, node: Any) -> None:
        for name, table in self._sources(node):
            key = [exp.column(column, table=name) for column in table.primary]
            free = exp.Anonymous(this="mysql_free", expressions=[exp.Literal.string(table.name), *key])
            node.where(free, copy=False)

    def _kind(self, node: Any) -> str | None:
        if isinstance(node, exp.Alias | exp.Coalesce | exp.Paren | exp.Min | exp.Max):
            return self._kind(node.this)
        if isinstance(node, exp.Sum | exp.Avg):
            return "decimal"
        if isinstance(node, exp.Add | exp.Sub) and isinstance(node.expression, exp.Interval):
            return self._kind(node.this)
        moment = isinstance(node, _MOMENTS) or (isinstance(node, exp.Column) and node.name in self._moments)
        return "moment" if moment else None

    # --- INSERT ---

    def _insert(self, node: Any) -> Insert:
        schema, values = node.this, node.expression
        table = self._tables[schema.this.name if isinstance(schema, exp.Schema) else schema.name]
        columns = tuple(each.name for each in schema.expressions) if isinstance(schema, exp.Schema) else table.stored
        for name in columns:
            if name not in table.columns:
                raise error(1054, f"Unknown column '{name}' in 'INSERT INTO'")
        if not isinstance(values, exp.Values):
            raise NotImplementedError("the database model inserts VALUES only")
        missing = next(
            (each.name for each in table.columns.values() if each.required and each.name not in columns), None
        )
        defaults = {name: each.default for name, each in table.columns.items() if name not in columns and each.default}
        every = (*columns, *defaults, *(n for n, c in table.columns.items() if n not in columns and c.default == 0))
        added = [table.columns[name].default for name in every[len(columns) :]]
        rows = [[*map(_cell, each.expressions), *added] for each in values.expressions]
        names, marks = ", ".join(f'"{name}"' for name in every), ", ".join("?" * len(every))
        sql = f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})'
        conflict = node.args.get("conflict")
        if conflict:
            sql += f" ON CONFLICT DO UPDATE SET {_upsert(conflict)}"
        checks = tuple(check_of(table.columns[name]) for name in every)
        return Insert(table, every, checks, rows, sql, conflict is not None, missing)

    # --- UPDATE, DELETE ---

    def _change(self, node: Any) -> Change:
        target, source = node.this, node.this
        if isinstance(node, exp.Delete) and node.args.get("tables"):
            alias = node.args["tables"][0].name
        else:
            alias = target.alias_or_name
        table = self._tables[source.name]
        joins = source.args.get("joins") or []
        tables = self._read(node)
        key = [exp.column(name, table=alias) for name in table.primary]
        targets = exp.select(*key).distinct() if joins else exp.select(*key)
        bare = source.copy()
        bare.set("joins", None)
        targets = targets.from_(bare)
        for join in joins:
            targets = targets.join(join.copy())
        for part in ("where", "order", "limit"):
            if node.args.get(part):
                targets.set(part, node.args[part].copy())
        found = sqlite(translated(targets))
        if isinstance(node, exp.Delete):
            return Change(table, tables, found, None)
        return Change(table, tables, found, _update(node, table, alias, bare, joins), self._checks(node, table))

    def _checks(self, node: Any, table: Table) -> Any:
        checks = []
        for each in node.expressions:
            name = each.this.name
            if name not in table.columns:
                raise error(1054, f"Unknown column '{name}' in 'SET'")
            if isinstance(each.expression, exp.Placeholder):
                checks.append((each.expression.name, check_of(table.columns[name])))
        return tuple(checks)


def _update(node: Any, table: Table, alias: str, bare: Any, joins: list[Any]) -> str:
    """Translate an UPDATE. MySQL computes each value with the previous ones already changed, and SQLite does not."""
    changed: set[str] = set()
    sets = []
    for each in node.expressions:
        name = each.this.name
        if any(
            column.name in changed and column.table in ("", alias) for column in each.expression.find_all(exp.Column)
        ):
            raise NotImplementedError(f"the database model: {name} comes of a value that the same UPDATE changes")
        changed.add(name)
        sets.append(f'"{name}" = {sqlite(translated(each.expression.copy()))}')
    text = f'UPDATE "{table.name}"' + (f' AS "{alias}"' if alias != table.name else "") + f" SET {', '.join(sets)}"
    where = [node.args["where"].this.copy()] if node.args.get("where") else []
    if joins:
        text += " FROM " + ", ".join(sqlite(join.this) for join in joins)
        where = [join.args["on"].copy() for join in joins if join.args.get("on")] + where
    if where:
        text += " WHERE " + sqlite(translated(exp.and_(*where)))
    return text


def _upsert(conflict: Any) -> str:
    sets = []
    for each in conflict.expressions:
        value = each.expression.copy().transform(_excluded)
        sets.append(f'"{each.this.name}" = {sqlite(translated(value))}')
    return ", ".join(sets)


def _excluded(node: Any) -> Any:
    if isinstance(node, exp.Anonymous) and node.name.upper() == "VALUES":
        return exp.column(node.expressions[0].name, table="excluded")
    return node


def _cell(node: Any) -> Any:
    if isinstance(node, exp.Placeholder):
        return Parameter(node.name)
    if isinstance(node, exp.Null):
        return None
    if isinstance(node, exp.Literal):
        return node.this if node.is_string else int(node.this)
    return Computed(sqlite(translated(node.copy())))


def _name(node: Any) -> str:
    return str(node.alias_or_name or node.sql("mysql"))


def _named(text: str) -> str:
    count = -1

    def name(found: re.Match[str]) -> str:
        nonlocal count
        if found[1]:
            return f":{NAMED}{found[1]}"
        if found[2] == "%":
            return "%"
        count += 1
        return f":p{count}"

    return _PLACEHOLDER.sub(name, text)
