"""Search: finds a page of letters, the newest first, in a time that does not grow with the table.

Reason, code and command are the same for all letters of a group. So they are looked up among the groups, and a page is
merged from one short run of the index for each group and state that has letters. Text is searched in a bounded stretch
of letters at a time; the result says how far the search got, and the next call continues from there.
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

#: Most runs of the index that are merged for a page. With more runs, all letters are scanned, since most will match.
_RUNS_MAX = 100
#: Letters that are searched for a text per call.
TEXT_STRETCH = 20_000
#: The columns that are searched for a text.
_SHOWN = (
    "error",
    "reason",
    "kind",
    "code",
    "frame",
    "command",
    "resource",
    "entity_id",
    "operation_id",
    "entry_id",
    "writer",
    "build",
    "note",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A letter as it is shown in a list."""

    id: int
    fingerprint: str
    state: State
    entry_id: str
    operation_id: str | None
    resource: str | None
    entity_id: str | None
    command: str
    #: The version of the write, if it is plausible.
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
    """A page of letters. `next`: continue beyond this number; None: there are no more letters."""

    rows: list[Row]
    next: int | None


def search(engine: Engine, wanted: Filter, *, beyond: int | None, limit: int, oldest_first: bool = False) -> Page:
    """Return at most `limit` letters beyond the number `beyond`, the newest or the oldest first. In a search for a
    text, a page may have fewer letters although there are more. Raises a Fault."""
    stretch = limit + 1 if wanted.text is None else TEXT_STRETCH
    with reading(engine) as connection:
        found = numbers(connection, wanted, beyond=beyond, limit=stretch, oldest_first=oldest_first)
        if found is None:
            return Page([], None)
        run = found.subquery()
        query = (
            sa.select(letters)
            .join(run, run.c.id == letters.c.id)
            .order_by(_in_order(letters.c.id, oldest_first))
            .limit(limit + 1)
        )
        if wanted.text is not None:
            query = query.where(says(wanted.text))
        rows = [row_of(row) for row in connection.execute(query)]
        if len(rows) > limit:
            return Page(rows[:limit], rows[limit - 1].id)
        if wanted.text is None:
            return Page(rows, None)
        edge = sa.func.max(run.c.id) if oldest_first else sa.func.min(run.c.id)
        looked_through, last = connection.execute(sa.select(sa.func.count(), edge)).one()
    return Page(rows, int(last) if looked_through == TEXT_STRETCH else None)


def total(engine: Engine, wanted: Filter, *, most: int) -> int:
    """Count the letters of a filter, up to one more than `most`. The filter's text is ignored. Raises a Fault."""
    with reading(engine) as connection:
        found = numbers(connection, wanted, limit=most + 1)
        if found is None:
            return 0
        return int(connection.execute(sa.select(sa.func.count()).select_from(found.subquery())).scalar_one())


def row_of(row: sa.Row[Any]) -> Row:
    """Return the letter that a row of the table holds."""
    return from_row(Row, row, state=State(row.state), imported=bool(row.imported))


def says(text: str) -> sa.ColumnElement[bool]:
    """Return the condition that one of the columns shown in pages, which exclude the payload, contains a text in any
    case.
    """
    shown = sa.func.concat_ws(" ", *(letters.c[name] for name in _SHOWN))
    return sa.collate(shown, "utf8mb4_general_ci").contains(text, autoescape=True)


def numbers(
    connection: sa.Connection, wanted: Filter, *, beyond: int | None = None, limit: int, oldest_first: bool = False
) -> sa.Select[Any] | sa.CompoundSelect[Any] | None:
    """Return the query for the `id`s of the newest (or oldest) `limit` letters of a filter, or None if there can be
    none. The filter's text is ignored."""
    rest = _conditions(wanted, beyond, oldest_first)
    if wanted.entity_id is None and wanted.operation_id is None and (_of_groups(wanted) or wanted.build):
        runs = _runs(connection, wanted)
        if not runs:
            return None
        if len(runs) <= _RUNS_MAX:
            each = [
                _first([letters.c.fingerprint == name, letters.c.state == state, *rest], limit, oldest_first)
                for name, state in runs
            ]
            merged = _in_order(sa.literal_column("id"), oldest_first)
            return each[0] if len(each) == 1 else sa.union_all(*each).order_by(merged).limit(limit)
    names = ("fingerprint", "reason", "code", "command", "state", "resource", "entity_id", "operation_id")
    same = [letters.c[name] == getattr(wanted, name) for name in names if getattr(wanted, name) is not None]
    return _first([*same, *rest], limit, oldest_first)


def _of_groups(wanted: Filter) -> dict[str, str]:
    """Return the filter's conditions on columns that are the same for all letters of a group."""
    columns = {name: getattr(wanted, name) for name in ("fingerprint", "reason", "code", "command")}
    return {name: value for name, value in columns.items() if value is not None}


def _first(conditions: Sequence[sa.ColumnElement[bool]], limit: int, oldest_first: bool) -> sa.Select[Any]:
    ordered = _in_order(letters.c.id, oldest_first)
    return sa.select(letters.c.id).where(*conditions).order_by(ordered).limit(limit)


def _in_order(id_: sa.ColumnElement[Any], oldest_first: bool) -> sa.ColumnElement[Any]:
    return id_.asc() if oldest_first else id_.desc()


def _conditions(wanted: Filter, beyond: int | None, oldest_first: bool) -> list[sa.ColumnElement[bool]]:
    """Return the filter's conditions that cannot be decided by group."""
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.first is not None:
        conditions.append(letters.c.id >= wanted.first)
    if wanted.last is not None:
        conditions.append(letters.c.id <= wanted.last)
    if beyond is not None:
        conditions.append(letters.c.id > beyond if oldest_first else letters.c.id < beyond)
    if wanted.build is not None:
        conditions.append(letters.c.build == wanted.build)
    return conditions


def _runs(connection: sa.Connection, wanted: Filter) -> list[tuple[str, str]]:
    """Return (fingerprint, state) for the groups that match the filter and the states in which they have letters. If
    there are too many, the list is cut, but is longer than `_RUNS_MAX`."""
    states = [wanted.state] if wanted.state is not None else list(State)
    same = [groups.c[name] == value for name, value in _of_groups(wanted).items()]
    if wanted.build is not None:
        same.append(groups.c.fingerprint.in_(sa.select(builds.c.fingerprint).where(builds.c.build == wanted.build)))
    any_letter = sum((groups.c[state] for state in states), sa.literal(0)) > 0
    found = connection.execute(sa.select(groups).where(*same, any_letter).limit(_RUNS_MAX + 1)).all()
    return [(row.fingerprint, state) for row in found for state in states if row._mapping[state] > 0]
