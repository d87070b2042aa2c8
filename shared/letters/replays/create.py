"""Create: freezes a selection as the set of a replay, in one transaction. Later dead letters are not in the set, and
its letters belong to no other replay until this one is over."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from holdfast.shared.errors import NothingToReplay
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.decide.allowance import Rules, lock
from holdfast.shared.letters.decide.change import Found, check_count, move, resolve
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.index.statements import insert, json, many, now, rows_with
from holdfast.shared.letters.index.tables import letters
from holdfast.shared.letters.replays.plan import ItemState, Plan, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.engine import Engine, transaction

_PAGE = 1000
_INSERT = insert(
    "replays",
    (
        "created_at",
        "created_by",
        "reason",
        "selection",
        "letters",
        "plan",
        "state",
        "state_at",
        "state_reason",
        "counts",
        "base",
        "started_at",
        "lease_token",
    ),
)
_INSERT_ITEM = insert("replay_items", ("replay_id", "position", "letter_id", "state"))
_ORDER = "SELECT id, COALESCE(version, 0) AS version FROM dead_letters WHERE id IN ({})"


@dataclass(frozen=True, slots=True)
class Created:
    """A new replay, its letters, and the state in which it begins."""

    replay_id: int
    found: Found
    state: ReplayState


def create(
    engine: Engine, selection: Selection, plan: Plan, actor: Actor, *, expected: int, most: int, rules: Rules
) -> Created:
    """Create a replay of the dead letters of a selection. If it exceeds the rest of the actor's allowance, it waits for
    the approval of a second person. `expected`: the number of letters that the caller expects. Raises CountMismatch,
    SelectionTooLarge, NothingToReplay, or a Fault."""
    with transaction(engine) as connection:
        alone = lock(connection, actor.name, rules).letters
        found = resolve(connection, selection, {State.DEAD}, most=most, lock=True)
        check_count(expected, len(found.numbers))
        if not found.numbers:
            raise NothingToReplay()
        state = state_for(found, alone)
        replay_id = _insert(connection, selection, plan, actor, len(found.numbers), state)
        move(connection, found, State.DEAD, State.REPLAYING)
        for page in parts_of(found.numbers, _PAGE):
            connection.execute(sa.update(letters).where(letters.c.id.in_(page)).values(replay_id=replay_id))
        # In the order of acceptance, as far as it is known, so that the writes of an entity are sent in their order.
        ordered = sorted(rows_with(connection, _ORDER, found.numbers), key=lambda row: (row.version, row.id))
        for rows in parts_of([(replay_id, at, row.id, ItemState.WAITING) for at, row in enumerate(ordered)], _PAGE):
            many(connection, _INSERT_ITEM, rows)
        details = {"replay": replay_id, "groups": dict(found.per_group), "plan": plan.to_json(), "state": state}
        record(connection, actor, AuditAction.REPLAY, found.numbers, selection=selection.to_json(), details=details)
        return Created(replay_id, found, state)


def state_for(found: Found, alone: int) -> ReplayState:
    """Return the state in which a replay of these letters begins. `alone`: how many letters may be sent without a
    second person."""
    return ReplayState.AWAITING_APPROVAL if len(found.numbers) > alone else ReplayState.RUNNING


def _insert(
    connection: sa.Connection, selection: Selection, plan: Plan, actor: Actor, letters: int, state: ReplayState
) -> int:
    created_at = now()
    started_at = created_at if state is ReplayState.RUNNING else None
    row: tuple[Any, ...] = (
        created_at,
        actor.name,
        actor.reason,
        json(selection.to_json()),
        letters,
        json(plan.to_json()),
        state,
        created_at,
        "",
        json({ItemState.WAITING: letters}),
        "{}",
        started_at,
        0,
    )
    return int(connection.exec_driver_sql(_INSERT, row).lastrowid)
