"""Change: moves letters from one state to another, and writes the counts of their groups, the audit entry and the
outbox entries in the same transaction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from holdfast.shared.errors import CountMismatch, SelectionTooLarge
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.decide.allowance import Rules, lock, use
from holdfast.shared.letters.find import search
from holdfast.shared.letters.find.search import Row
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.index.statements import counted, insert, many, now, rows_with
from holdfast.shared.letters.index.tables import groups, items, letters
from holdfast.shared.letters.replays.plan import ItemState
from holdfast.shared.letters.state import State
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.engine import Engine, reading, transaction

_PAGE = 1000
_SHOWN = 20
_LOCK = "SELECT id, fingerprint, state FROM dead_letters WHERE id IN ({}) FOR UPDATE"
_OWE = insert("dead_letter_dues", ("letter_id",), on_clash="letter_id = VALUES(letter_id)")


@dataclass(frozen=True, slots=True)
class Found:
    """The letters of a selection."""

    #: The numbers of the letters in the right state, in order.
    numbers: list[int]
    per_group: Mapping[str, int]
    #: The other letters: state -> how many; letters that do not exist are `missing`.
    others: Mapping[str, int]

    @property
    def sample(self) -> list[int]:
        """The numbers of the first few letters."""
        return self.numbers[:_SHOWN]


def look(engine: Engine, selection: Selection, states: Collection[State], *, most: int) -> Found:
    """Return the letters that a change would affect. Raises SelectionTooLarge, or a Fault."""
    with reading(engine) as connection:
        return resolve(connection, selection, states, most=most, lock=False)


def newest(engine: Engine, selection: Selection, *, limit: int, most: int) -> list[Row]:
    """Return the newest `limit` letters of a selection, whatever their state. Raises SelectionTooLarge, or a Fault."""
    with reading(engine) as connection:
        numbers = sorted(resolve(connection, selection, list(State), most=most, lock=False).numbers)[-limit:]
        query = sa.select(letters).where(letters.c.id.in_(numbers)).order_by(letters.c.id.desc())
        return [search.row_of(row) for row in connection.execute(query)]


def discard(
    engine: Engine, selection: Selection, actor: Actor, *, expected: int, most: int, rules: Rules | None = None
) -> tuple[Found, int]:
    """Discard the dead letters of a selection. Return the letters, and the id of the audit entry. `expected`: the
    number of letters that the caller expects; `rules`: the rules of the actor's allowance, if there is one. Raises
    CountMismatch, SelectionTooLarge, AllowanceUsedUp, or a Fault."""
    with transaction(engine) as connection:
        use(lock(connection, actor.name, rules) if rules else None, expected)
        return _switch(connection, selection, actor, AuditAction.DISCARD, State.DEAD, State.DISCARDED, expected, most)


def restore(engine: Engine, selection: Selection, actor: Actor, *, expected: int, most: int) -> tuple[Found, int]:
    """Restore the discarded letters of a selection to `dead`. Return the letters, and the id of the audit entry. Raises
    CountMismatch, SelectionTooLarge, or a Fault."""
    with transaction(engine) as connection:
        return _switch(connection, selection, actor, AuditAction.RESTORE, State.DISCARDED, State.DEAD, expected, most)


def check_count(expected: int, actual: int) -> None:
    """Check that a selection is as large as the caller expects. Raises CountMismatch; nothing was done then."""
    if expected != actual:
        raise CountMismatch(details={"expected_count": expected, "actual_count": actual})


def _switch(
    connection: sa.Connection,
    selection: Selection,
    actor: Actor,
    action: AuditAction,
    before: State,
    after: State,
    expected: int,
    most: int,
) -> tuple[Found, int]:
    found = resolve(connection, selection, {before}, most=most, lock=True)
    check_count(expected, len(found.numbers))
    move(connection, found, before, after)
    groups_hit = {"groups": dict(found.per_group)}
    audit_id = record(connection, actor, action, found.numbers, selection=selection.to_json(), details=groups_hit)
    many(connection, _OWE, [(number,) for number in found.numbers])
    return found, audit_id


def resolve(
    connection: sa.Connection, selection: Selection, states: Collection[State], *, most: int, lock: bool
) -> Found:
    """Return the letters of a selection, and which are in one of `states`. `lock`: lock the rows of all. Raises
    SelectionTooLarge."""
    numbers = _numbers(connection, selection, states, most)
    rows: list[Any] = rows_with(connection, _LOCK if lock else _LOCK.removesuffix(" FOR UPDATE"), numbers)
    right = [row for row in rows if row.state in states]
    others = counted(row.state for row in rows if row.state not in states)
    missing = len(set(numbers)) - len(rows)
    return Found(
        sorted(row.id for row in right),
        counted(row.fingerprint for row in right),
        dict(others) | ({"missing": missing} if missing else {}),
    )


def _numbers(connection: sa.Connection, selection: Selection, states: Collection[State], most: int) -> list[int]:
    if selection.replay is not None:
        numbers = _of_replay(connection, *selection.replay, most)
    elif selection.audit is not None:
        numbers = audit.letters_of(connection, selection.audit, most + 1, untouched=selection.untouched)
    elif selection.matching is None:
        numbers = list(selection.numbers)
    else:
        wanted = selection.matching
        asked = [wanted.state] if wanted.state is not None else list(states)
        numbers = []
        for state in asked:
            run = search.numbers(connection, replace(wanted, state=state), limit=most + 1)
            if run is None:
                continue
            found = run.subquery()
            query = sa.select(found.c.id)
            if wanted.text is not None:
                query = query.join(letters, letters.c.id == found.c.id).where(search.says(wanted.text))
            numbers += connection.scalars(query)
    if len(numbers) > most:
        raise SelectionTooLarge(details={"most": most})
    return numbers


def _of_replay(connection: sa.Connection, replay_id: int, outcomes: Collection[ItemState], most: int) -> list[int]:
    """Return the letters of a replay with these outcomes. For an item that was dead-lettered again, this is the new
    letter."""
    failed = {ItemState.FAILED_SAME, ItemState.FAILED_DIFFERENTLY} & set(outcomes)
    of_it = items.c.replay_id == replay_id
    as_they_were = sa.select(items.c.letter_id).where(of_it, items.c.state.in_([*set(outcomes) - failed]))
    as_they_are = (
        sa.select(letters.c.id)
        .join(items, items.c.entry_id == letters.c.entry_id)
        .where(of_it, items.c.state.in_([*failed]), letters.c.imported == 0)
    )
    return [number for query in (as_they_were, as_they_are) for number in connection.scalars(query.limit(most + 1))]


def move(connection: sa.Connection, found: Found, before: State, after: State) -> None:
    """Change the state of letters that are locked and in state `before`, and the counts of their groups."""
    moved = {"state": after, "state_at": now()}
    for page in parts_of(found.numbers, _PAGE):
        connection.execute(sa.update(letters).where(letters.c.id.in_(page)).values(moved))
    for name, count in found.per_group.items():
        connection.execute(
            sa.update(groups)
            .where(groups.c.fingerprint == name)
            .values({before: groups.c[before] - count, after: groups.c[after] + count})
        )
