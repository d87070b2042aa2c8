"""Read: reads replays and their items from the database."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from holdfast.shared.letters.index.statements import from_row
from holdfast.shared.letters.index.tables import items, replays
from holdfast.shared.letters.replays.plan import Counts, ItemState, Plan, ReplayState, plan_from
from holdfast.shared.store.engine import Engine, reading


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay in its current state."""

    id: int
    created_at: datetime
    created_by: str
    reason: str
    selection: dict[str, Any]
    letters: int
    plan: Plan
    state: ReplayState
    state_at: datetime
    state_reason: str
    counts: Counts
    #: The counts when the replay was last started or resumed. Earlier results do not count against it.
    base: Counts
    approved_by: str | None
    approved_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    lease_owner: str | None


@dataclass(frozen=True, slots=True)
class Item:
    """One letter of a replay."""

    position: int
    letter: int
    state: ItemState
    operation_id: str | None
    entry_id: str | None
    sent_at: datetime | None
    ended_at: datetime | None
    outcome: dict[str, Any] | None


def replay(engine: Engine, replay_id: int) -> Replay | None:
    """Return a replay, or None if it does not exist. Raises a Fault."""
    with reading(engine) as connection:
        row = connection.execute(sa.select(replays).where(replays.c.id == replay_id)).one_or_none()
    return replay_from(row) if row else None


def page(engine: Engine, states: Collection[ReplayState], *, below: int | None, limit: int) -> list[Replay]:
    """Return the newest replays with an id below `below`, at most `limit`. Empty `states`: any state. Raises a
    Fault."""
    query = sa.select(replays).order_by(replays.c.id.desc()).limit(limit)
    if states:
        query = query.where(replays.c.state.in_(states))
    if below is not None:
        query = query.where(replays.c.id < below)
    with reading(engine) as connection:
        return [replay_from(row) for row in connection.execute(query)]


def item_page(
    engine: Engine, replay_id: int, states: Collection[ItemState], *, after: int | None, limit: int
) -> list[Item]:
    """Return the items of a replay after the position `after`, in the order of sending, at most `limit`. Empty
    `states`: any state. Raises a Fault."""
    query = sa.select(items).where(items.c.replay_id == replay_id).order_by(items.c.position).limit(limit)
    if states:
        query = query.where(items.c.state.in_(states))
    if after is not None:
        query = query.where(items.c.position > after)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    return [
        from_row(
            Item,
            row,
            letter=row.letter_id,
            state=ItemState(row.state),
            outcome=orjson.loads(row.outcome) if row.outcome else None,
        )
        for row in rows
    ]


def replay_from(row: sa.Row[Any]) -> Replay:
    """Return the replay that a row of the table holds."""
    return from_row(
        Replay,
        row,
        selection=orjson.loads(row.selection),
        plan=plan_from(orjson.loads(row.plan)),
        state=ReplayState(row.state),
        counts=counts_from(row.counts),
        base=counts_from(row.base),
    )


def counts_from(json: str) -> Counts:
    """Return the counts that a column holds as JSON."""
    return Counts({ItemState(name): count for name, count in orjson.loads(json).items()})
