"""Sending: chooses the items to send next, and records what the queue answered. An item is marked before it is sent, so
that after a crash of the driver in between, the marks show its successor which items to ask the queue about."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.edit.versions import Current
from holdfast.shared.letters.index.statements import counted, insert, many, now, rows_with
from holdfast.shared.letters.index.tables import items
from holdfast.shared.letters.replays.lease import Lease, fenced, keep_counts
from holdfast.shared.letters.replays.plan import ItemState, ReplayState
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.store.engine import Engine, transaction

_MARK = insert(
    "replay_items",
    ("replay_id", "position", "letter_id", "state", "operation_id", "entry_id", "sent_at"),
    on_clash="state = VALUES(state), operation_id = VALUES(operation_id), entry_id = VALUES(entry_id),"
    " sent_at = VALUES(sent_at)",
)
_STATE_OF = "SELECT position, state FROM replay_items WHERE replay_id = {} AND position IN ({{}}) FOR UPDATE"


class Chosen(NamedTuple):
    """An item to send, with its letter's current fields."""

    position: int
    letter: Current


class Sent(NamedTuple):
    """The result of sending an item. `entry_id` None: the item was not sent, and waits again."""

    position: int
    letter: int
    operation_id: str | None
    entry_id: str | None


def step(engine: Engine, lease: Lease, sent: Sequence[Sent], want: int, after: int = -1) -> tuple[Replay, list[Chosen]]:
    """Record what was sent and, if the replay still runs, choose at most `want` items after the position `after` and
    mark them. Return the replay and the chosen items. Raises LeaseLost, or a Fault."""
    with transaction(engine) as connection:
        replay = fenced(connection, lease)
        moved: dict[tuple[ItemState, ItemState], int] = {}
        if sent:
            moved |= _note_down(connection, lease.replay_id, sent)
        chosen: list[Chosen] = []
        if want > 0 and replay.state is ReplayState.RUNNING:
            chosen = _in_state(connection, lease.replay_id, ItemState.WAITING, want, after)
            mark = sa.update(items).where(
                items.c.replay_id == lease.replay_id, items.c.position.in_([one.position for one in chosen])
            )
            if chosen:
                connection.execute(mark.values(state=ItemState.SENDING))
                moved[ItemState.WAITING, ItemState.SENDING] = len(chosen)
        if moved:
            keep_counts(connection, replay, moved)
        return replay, chosen


def in_state(engine: Engine, lease: Lease, state: ItemState, limit: int, after: int = -1) -> list[Chosen]:
    """Return the first items in a state after the position `after`, at most `limit`. Raises LeaseLost, or a Fault."""
    with transaction(engine) as connection:
        fenced(connection, lease)
        return _in_state(connection, lease.replay_id, state, limit, after)


def these(engine: Engine, wanted: Sequence[tuple[int, int]]) -> list[Chosen]:
    """Return items with their letters' current fields. `wanted`: (position, letter) of each. Raises a Fault."""
    found = edits.look(engine, [letter for _, letter in wanted])
    return [Chosen(position, found[letter]) for position, letter in wanted]


def _in_state(connection: sa.Connection, replay_id: int, state: ItemState, limit: int, after: int) -> list[Chosen]:
    query = sa.select(items.c.position, items.c.letter_id).where(
        items.c.state == state, items.c.replay_id == replay_id, items.c.position > after
    )
    rows = connection.execute(query.order_by(items.c.position).limit(limit)).all()
    # Only as many letters as may be held in memory at once; the next call takes the others.
    rows = rows[: len(next(iter(edits.pages(connection, [row.letter_id for row in rows])), []))]
    found: Mapping[int, Current] = edits.current(connection, [row.letter_id for row in rows])
    return [Chosen(row.position, found[row.letter_id]) for row in rows]


def _note_down(
    connection: sa.Connection, replay_id: int, sent: Sequence[Sent]
) -> dict[tuple[ItemState, ItemState], int]:
    """Record the results of items that were not recorded as sent yet. Return (state before, state after) -> how
    many."""
    before = states_of(connection, replay_id, [one.position for one in sent])
    sent_at = now()
    rows, moves = [], []
    for one in sent:
        if before[one.position] in (ItemState.WAITING, ItemState.SENDING):
            state = ItemState.WAITING if one.entry_id is None else ItemState.SENT
            at = None if one.entry_id is None else sent_at
            rows.append((replay_id, one.position, one.letter, state, one.operation_id, one.entry_id, at))
            moves.append((before[one.position], state))
    many(connection, _MARK, rows)
    return dict(counted(moves))


def states_of(connection: sa.Connection, replay_id: int, positions: Sequence[int]) -> dict[int, ItemState]:
    """Return the states of items by position, and lock the items."""
    rows = rows_with(connection, _STATE_OF.format(replay_id), positions)
    return {row.position: ItemState(row.state) for row in rows}
