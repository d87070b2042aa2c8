"""Plans: what a statement means to the model, computed once per text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.models.database.schema import Table
from tests.models.database.values import Check

#: The conversion of a result's column: `moment` or `decimal`, or None.
Kinds = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Select:
    """A SELECT. `tables`: those that it reads; `names` and kinds of its columns. `locks`: the tables whose rows it
    locks; their primary keys are the last columns of each row."""

    tables: frozenset[str]
    sql: str
    names: tuple[str, ...]
    kinds: Kinds
    locks: tuple[Table, ...] = ()
    wait: bool = True
    skip: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value of a row to insert: a parameter, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Computed:
    """A value of a row to insert: an expression."""

    sql: str


@dataclass(frozen=True, slots=True)
class Insert:
    """An INSERT. `rows` consist of constants, parameters and expressions. `sql` inserts one row of bound values."""

    table: Table
    columns: tuple[str, ...]
    checks: tuple[Check, ...]
    rows: Sequence[Sequence[Any]]
    sql: str
    upsert: bool
    #: Required columns that it leaves out.
    missing: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """An UPDATE, or a DELETE if `sql` is None. `targets` selects the primary keys of the rows that it changes."""

    table: Table
    tables: frozenset[str]
    targets: str
    sql: str | None
    #: Parameters that become values of a column -> the column.
    checks: tuple[tuple[str, Check], ...] = ()


Plan = Select | Insert | Change
