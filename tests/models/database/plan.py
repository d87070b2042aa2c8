"""Plans: what a statement is to the model, made once of each text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.models.database.schema import Table
from tests.models.database.values import Check

#: What a column of a result is turned into: `moment` or `decimal`; None: it stays as it is.
Kinds = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Select:
    """`tables` that it reads; `names` and kinds of its columns. `locks`: the tables whose rows it locks;
    their primary keys are the last columns of each row."""

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
    """`rows` of constants, parameters and expressions. `sql` inserts one row of bound values."""

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
    """An UPDATE, or with `sql` None a DELETE. `targets` selects the primary keys of the rows that it changes."""

    table: Table
    tables: frozenset[str]
    targets: str
    sql: str | None
    #: Of parameters that become values of a column.
    checks: tuple[tuple[str, Check], ...] = ()


Plan = Select | Insert | Change
