"""Groups: reads the groups of letters that failed alike, with their counts. They come from a summary that is updated
with every change; no letter is read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from holdfast.shared.letters.index.insert import SECONDS_PER_BUCKET
from holdfast.shared.letters.index.statements import from_row
from holdfast.shared.letters.index.tables import builds, groups, notes, trend
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading


@dataclass(frozen=True, slots=True)
class Note:
    """An operator's note on a group. It is kept when the letters are gone."""

    note: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """All letters of one failure, however often it happened."""

    fingerprint: str
    reason: str
    kind: str
    code: str
    command: str
    frame: str
    #: The error of the newest letter.
    error: str
    #: Numbers of the first and the last letter ever seen.
    first: int
    last: int
    #: Entities that were ever affected.
    entities: int
    states: dict[State, int]
    imported: int
    purged: int
    #: Build -> how many letters it wrote, the newest build first.
    builds: dict[str, int]
    note: Note | None


class Order(StrEnum):
    """The order of groups: by the newest letter, the newest first letter, the most dead letters, or the most
    entities."""

    LAST = "last"
    FIRST = "first"
    DEAD = "dead"
    ENTITIES = "entities"

    def of(self, group: Group) -> int:
        """Return the number by which a group is sorted."""
        match self:
            case Order.LAST:
                return group.last
            case Order.FIRST:
                return group.first
            case Order.DEAD:
                return group.states[State.DEAD]
            case Order.ENTITIES:
                return group.entities


_COLUMNS = {
    Order.LAST: groups.c.last_id,
    Order.FIRST: groups.c.first_id,
    Order.DEAD: groups.c.dead,
    Order.ENTITIES: groups.c.entities,
}


def page(
    engine: Engine,
    states: Collection[State],
    *,
    after: tuple[int, str] | None,
    limit: int,
    fingerprint: str = "",
    order: Order = Order.LAST,
) -> list[Group]:
    """Return at most `limit` groups with a letter in one of `states`, in this order. Empty `states`: any group.
    `after`: (number by which it is sorted, fingerprint) of the last group of the page before. Raises a Fault."""
    column = _COLUMNS[order]
    query = sa.select(groups).order_by(column.desc(), groups.c.fingerprint.desc()).limit(limit)
    if states:
        query = query.where(sum((groups.c[state] for state in states), sa.literal(0)) > 0)
    if fingerprint:
        query = query.where(groups.c.fingerprint == fingerprint)
    if after:
        number, name = after
        query = query.where(sa.or_(column < number, sa.and_(column == number, groups.c.fingerprint < name)))
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        return _whole(connection, rows)


def _whole(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Group]:
    names = [row.fingerprint for row in rows]
    by_build: dict[str, dict[str, int]] = {name: {} for name in names}
    found = sa.select(builds).where(builds.c.fingerprint.in_(names)).order_by(builds.c.last_id.desc())
    for row in connection.execute(found) if names else ():
        by_build[row.fingerprint][row.build] = row.letters
    written = sa.select(notes).where(notes.c.fingerprint.in_(names))
    by_note = {row.fingerprint: from_row(Note, row) for row in (connection.execute(written) if names else ())}
    return [
        from_row(
            Group,
            row,
            first=row.first_id,
            last=row.last_id,
            states={state: row._mapping[state] for state in State},
            builds=by_build[row.fingerprint],
            note=by_note.get(row.fingerprint),
        )
        for row in rows
    ]


def trends(
    engine: Engine, names: Collection[str] | None, *, since_s: int, step_s: int, steps: int
) -> dict[str, list[int]]:
    """Return fingerprint -> number of letters in each of `steps` buckets. `step_s`: seconds per bucket, in whole
    minutes; `since_s`: start of the first bucket, in Unix time; `names` None: all groups together, under the name ''.
    Raises a Fault."""
    width = step_s // SECONDS_PER_BUCKET
    first = since_s // SECONDS_PER_BUCKET
    step = sa.func.floor((trend.c.bucket - first) / width)
    name = sa.literal("") if names is None else trend.c.fingerprint
    query = (
        sa.select(name.label("name"), step.label("step"), sa.func.sum(trend.c.letters))
        .where(trend.c.bucket >= first, trend.c.bucket < first + steps * width)
        .group_by(sa.text("1, 2"))
    )
    if names is not None:
        query = query.where(trend.c.fingerprint.in_(names))
    found = {each: [0] * steps for each in ([""] if names is None else names)}
    if not found:
        return found
    with reading(engine) as connection:
        for each, at, count in connection.execute(query):
            found[each][int(at)] = int(count)
    return found


def totals(engine: Engine) -> dict[str, int]:
    """Return the number of letters of all groups by state, and `purged` and `imported`; `dying_groups`: the number of
    groups with a dead letter. Raises a Fault."""
    columns = [*State, "purged", "imported"]
    sums = [sa.func.coalesce(sa.func.sum(groups.c[name]), 0).label(name) for name in columns]
    dying = sa.func.coalesce(sa.func.sum(sa.case((groups.c.dead > 0, 1), else_=0)), 0).label("dying_groups")
    with reading(engine) as connection:
        row = connection.execute(sa.select(*sums, dying)).one()
    return {name: int(count) for name, count in row._mapping.items()}
