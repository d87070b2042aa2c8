"""Search: a page of letters, the newest first, in a time that does not grow with the table.

Reason, code and command are the same for all letters of a group. So they are looked up among the groups, and a page is
merged from one short run of the index per group and state that has any. Text is looked for in a bounded stretch: what
was searched is reported, and the search continues from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.letters.index.statements import from_row
from holdfast.shared.letters.index.tables import builds, groups, letters
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading

#: Runs of the index that are merged for a page; with more, all letters are walked, as most of them will do.
_RUNS_MAX = 100
#: Letters that are looked through for a text at a time.
TEXT_STRETCH = 20_000


@dataclass(frozen=True, slots=True)
class Row:
    """A letter as a list shows it."""

    id: int
    fingerprint: str
    state: State
    entry_id: str
    operation_id: str | None
    resource: str | None
    entity_id: str | None
    command: str
    #: Of the write, if it has one that makes sense.
    version: int | None
    reason: str
    kind: str
    code: str
    error: str
    frame: str
    dead_at: datetime
    writer: str
    build: str
    attempts: int
    size_bytes: int
    imported: bool
    edit: int
    replay_id: int | None
    outcome: str | None
    note: str | None
    indexed_at: datetime
    state_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """`next`: go on below this number; None: there is no more."""

    rows: list[Row]
    next: int | None


def search(engine: Engine, wanted: Filter, *, below: int | None, limit: int) -> Page:
    """At most `limit` letters with a number less than `below`. With a text it may be fewer and still go on."""
    stretch = limit + 1 if wanted.text is None else TEXT_STRETCH
    with reading(engine) as connection:
        found = numbers(connection, wanted, below=below, limit=stretch)
        if found is None:
            return Page([], None)
        run = found.subquery()
        query = sa.select(letters).join(run, run.c.id == letters.c.id).order_by(letters.c.id.desc()).limit(limit + 1)
        if wanted.text is not None:
            query = query.where(says(wanted.text))
        rows = [row_of(row) for row in connection.execute(query)]
        if len(rows) > limit:
            return Page(rows[:limit], rows[limit - 1].id)
        if wanted.text is None:
            return Page(rows, None)
        looked_through, lowest = connection.execute(sa.select(sa.func.count(), sa.func.min(run.c.id))).one()
    return Page(rows, int(lowest) if looked_through == TEXT_STRETCH else None)


def row_of(row: sa.Row[Any]) -> Row:
    """A row of the table."""
    return from_row(Row, row, state=State(row.state), imported=bool(row.imported))


def says(text: str) -> sa.ColumnElement[bool]:
    """Whether a letter's error has the text in it, whatever the case."""
    return sa.collate(letters.c.error, "utf8mb4_general_ci").contains(text, autoescape=True)


def numbers(
    connection: sa.Connection, wanted: Filter, *, below: int | None = None, limit: int
) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
    """The `id`s of the newest `limit` letters of a filter, its text left aside. None: there is none."""
    rest = _conditions(wanted, below)
    if wanted.entity_id is None and wanted.operation_id is None and (_of_groups(wanted) or wanted.build):
        runs = _runs(connection, wanted)
        if not runs:
            return None
        if len(runs) <= _RUNS_MAX:
            each = [
                _newest([letters.c.fingerprint == name, letters.c.state == state, *rest], limit) for name, state in runs
            ]
            return each[0] if len(each) == 1 else sa.union_all(*each).order_by(sa.desc("id")).limit(limit)
    names = ("fingerprint", "reason", "code", "command", "state", "resource", "entity_id", "operation_id")
    same = [letters.c[name] == getattr(wanted, name) for name in names if getattr(wanted, name) is not None]
    return _newest([*same, *rest], limit)


def _of_groups(wanted: Filter) -> dict[str, str]:
    """What the filter says that is the same for all letters of a group."""
    columns = {name: getattr(wanted, name) for name in ("fingerprint", "reason", "code", "command")}
    return {name: value for name, value in columns.items() if value is not None}


def _newest(conditions: Sequence[sa.ColumnElement[bool]], limit: int) -> sa.Select[Any]:
    return sa.select(letters.c.id).where(*conditions).order_by(letters.c.id.desc()).limit(limit)


def _conditions(wanted: Filter, below: int | None) -> list[sa.ColumnElement[bool]]:
    """What no group tells."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.first is not None:
        conditions.append(letters.c.id >= wanted.first)
    if wanted.last is not None:
        conditions.append(letters.c.id <= wanted.last)
    if below is not None:
        conditions.append(letters.c.id < below)
    if wanted.build is not None:
        conditions.append(letters.c.build == wanted.build)
    return conditions


def _runs(connection: sa.Connection, wanted: Filter) -> list[tuple[str, str]]:
    """(fingerprint, state) of what the filter leaves, where there is any letter; all of them, or more than enough."""
    states = [wanted.state] if wanted.state is not None else list(State)
    same = [groups.c[name] == value for name, value in _of_groups(wanted).items()]
    if wanted.build is not None:
        same.append(groups.c.fingerprint.in_(sa.select(builds.c.fingerprint).where(builds.c.build == wanted.build)))
    any_letter = sum((groups.c[state] for state in states), sa.literal(0)) > 0
    found = connection.execute(sa.select(groups).where(*same, any_letter).limit(_RUNS_MAX + 1)).all()
    return [(row.fingerprint, state) for row in found for state in states if row._mapping[state] > 0]
