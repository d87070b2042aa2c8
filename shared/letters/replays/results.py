"""Results: reads the results of sent items from the rows that the writers and the indexer wrote, and records them with
the states of the letters and the counts that follow, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from holdfast.shared.errors import WriteExpired
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.index.statements import counted, insert, json, many, now, places, rows_with
from holdfast.shared.letters.index.tables import groups, replays
from holdfast.shared.letters.replays.lease import Lease, fenced, keep_counts
from holdfast.shared.letters.replays.plan import END, LETTER_AFTER, ItemState, ReplayState
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.letters.replays.sending import states_of
from holdfast.shared.letters.state import State
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.load import final_from
from holdfast.shared.writes.outcome import Applied, Final, Rejected, Superseded

_SENT = (
    "SELECT i.position, i.letter_id, i.entry_id, o.entry_id AS ended_by, o.effect, o.entity_version, o.rejection,"
    " d.id AS again, d.fingerprint AS now_as, l.fingerprint AS was"
    " FROM replay_items i JOIN dead_letters l ON l.id = i.letter_id"
    " LEFT JOIN operations o ON o.operation_id = i.operation_id"
    " LEFT JOIN dead_letters d ON d.entry_id = i.entry_id AND d.imported = 0"
    " WHERE i.state = 'sent' AND i.replay_id = %s"
)
#: The item's own entry ended the operation, or was dead-lettered again.
_ENDED = "(o.entry_id = i.entry_id OR d.id IS NOT NULL)"
_LOOK = f"{_SENT} AND {_ENDED} ORDER BY i.position LIMIT %s"
_OPEN = f"{_SENT} AND NOT COALESCE({_ENDED}, 0) AND i.position > %s ORDER BY i.position LIMIT %s"
_SETTLE = insert(
    "replay_items",
    ("replay_id", "position", "letter_id", "state", "outcome", "ended_at"),
    on_clash="state = VALUES(state), outcome = VALUES(outcome), ended_at = VALUES(ended_at)",
)
_LOCK = "SELECT id, fingerprint FROM dead_letters WHERE state = 'replaying' AND id IN ({}) FOR UPDATE"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one item. `outcome`: details for display."""

    position: int
    letter: int
    state: ItemState
    outcome: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Open:
    """A sent item without a result yet. `was`: the fingerprint of its letter."""

    position: int
    letter: int
    entry_id: str
    was: str


def look(engine: Engine, replay_id: int, limit: int) -> list[Result]:
    """Return the results of sent items that are over, at most `limit`. Raises a Fault."""
    with reading(engine) as connection:
        rows = connection.exec_driver_sql(_LOOK, (replay_id, limit)).all()
    return _by_position(rows)


def still_open(engine: Engine, replay_id: int, *, after: int, limit: int) -> list[Open]:
    """Return sent items after the position `after` that are not over, at most `limit`. Raises a Fault."""
    with reading(engine) as connection:
        rows = connection.exec_driver_sql(_OPEN, (replay_id, after, limit)).all()
    found = {row.position: Open(row.position, row.letter_id, row.entry_id or "", row.was) for row in rows}
    return list(found.values())


def without_entry(engine: Engine, replay_id: int, positions: Sequence[int]) -> list[Result]:
    """Return the results of sent items whose entries are on neither stream. The result follows from the rows; it is
    `duplicate` if another entry ended the operation, and `lost` if no row shows an end. Raises a Fault."""
    with reading(engine) as connection:
        return _by_position(rows_with(connection, f"{_SENT % int(replay_id)} AND i.position IN ({{}})", positions))


def died_again(one: Open, letter: int, fingerprint: str) -> Result:
    """Return the result of an item whose entry was dead-lettered again as `letter`, with this fingerprint."""
    state = ItemState.FAILED_SAME if fingerprint == one.was else ItemState.FAILED_DIFFERENTLY
    outcome = {"entry_id": one.entry_id, "letter": id_of(letter), "fingerprint": fingerprint}
    return Result(one.position, one.letter, state, outcome)


def _by_position(rows: Sequence[Any]) -> list[Result]:
    """Return one result per item, in doubt the most certain one: an id that equals an operation's id only by the
    database's comparison joins more than one row."""
    sure = sorted(rows, key=lambda row: row.again is not None or row.ended_by == row.entry_id)
    return list({row.position: _result(row) for row in sure}.values())


def settle(engine: Engine, lease: Lease, results: Sequence[Result]) -> tuple[Replay, int]:
    """Record results. Return the replay, and how many items had no result before. Raises LeaseLost, or a Fault."""
    with transaction(engine) as connection:
        replay = fenced(connection, lease)
        before = states_of(connection, lease.replay_id, [one.position for one in results])
        fresh = [one for one in results if before[one.position] not in LETTER_AFTER]
        for some in parts_of(fresh, _PAGE):
            _settle(connection, lease.replay_id, some)
        if fresh:
            keep_counts(connection, replay, dict(counted((before[one.position], one.state) for one in fresh)))
        return replay, len(fresh)


def end(engine: Engine, lease: Lease) -> Replay | None:
    """End a replay whose items are all over, and return it, or None if items are left. Raises LeaseLost, or a Fault."""
    with transaction(engine) as connection:
        replay = fenced(connection, lease)
        if replay.counts.unfinished:
            return None
        state, ended_at = END.get(replay.state, ReplayState.DONE), now()
        values = {"state": state, "state_at": ended_at, "ended_at": ended_at, "lease_until": None}
        connection.execute(sa.update(replays).where(replays.c.id == replay.id).values(values))
        return replay


def stop(engine: Engine, lease: Lease, why: str) -> None:
    """Stop a running replay, for the reason `why`. Raises LeaseLost, or a Fault."""
    with transaction(engine) as connection:
        replay = fenced(connection, lease)
        if replay.state is ReplayState.RUNNING:
            values = {"state": ReplayState.STOPPED, "state_at": now(), "state_reason": why[:1000]}
            connection.execute(sa.update(replays).where(replays.c.id == replay.id).values(values))


def _settle(connection: sa.Connection, replay_id: int, results: Sequence[Result]) -> None:
    ended_at = now()
    rows = [(replay_id, one.position, one.letter, one.state, json(one.outcome), ended_at) for one in results]
    many(connection, _SETTLE, rows)
    after = {one.letter: LETTER_AFTER[one.state] for one in results}
    locked = rows_with(connection, _LOCK, after)
    for state in sorted(set(after.values())):
        numbers = [row.id for row in locked if after[row.id] == state]
        if not numbers:
            continue
        connection.exec_driver_sql(
            "UPDATE dead_letters l JOIN replay_items i ON i.letter_id = l.id AND i.replay_id = %s"  # noqa: S608
            f" SET l.state = %s, l.state_at = %s, l.outcome = i.outcome WHERE l.id IN ({places(numbers)})",
            (replay_id, state, ended_at, *numbers),
        )
    for name, moves in _by_group(locked, after).items():
        values: dict[str, Any] = {State.REPLAYING: groups.c.replaying - sum(moves.values())}
        values |= {state: groups.c[state] + count for state, count in moves.items()}
        connection.execute(sa.update(groups).where(groups.c.fingerprint == name).values(values))


def _by_group(locked: Sequence[Any], after: dict[int, State]) -> dict[str, dict[State, int]]:
    """Return, by group, how many letters move to each state, in the order in which groups are always locked."""
    moves: dict[str, dict[State, int]] = {}
    for (name, state), count in counted((row.fingerprint, after[row.id]) for row in locked).items():
        moves.setdefault(name, {})[state] = count
    return dict(sorted(moves.items()))


def _result(row: Any) -> Result:
    about = {"entry_id": row.entry_id}
    if row.again is not None:
        was = Open(row.position, row.letter_id, row.entry_id, row.was)
        return died_again(was, row.again, row.now_as)
    if row.effect is None:
        return Result(row.position, row.letter_id, ItemState.LOST, about)
    if row.ended_by != row.entry_id:
        outcome = about | {"ended_by": row.ended_by, "as": row.effect}
        return Result(row.position, row.letter_id, ItemState.DUPLICATE, outcome)
    state, more = _ended(final_from(row.effect, row.entity_version, row.rejection))
    return Result(row.position, row.letter_id, state, about | more)


def _ended(final: Final) -> tuple[ItemState, dict[str, Any]]:
    match final:
        case Applied(version):
            return ItemState.APPLIED, {"entity_version": version}
        case Superseded(version):
            return ItemState.SUPERSEDED, {"entity_version": version}
        case Rejected(WriteExpired.code, detail):
            return ItemState.EXPIRED, {"code": WriteExpired.code, "detail": detail}
        case Rejected(code, detail):
            return ItemState.REJECTED, {"code": code, "detail": detail}
