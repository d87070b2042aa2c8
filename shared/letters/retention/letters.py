"""Retention: removes letters that are over and were kept as long as the operator wants. Dead letters are never
removed, nor are letters whose last change the queue does not know yet: it would keep their unique values claimed."""

from datetime import datetime

import sqlalchemy as sa

from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.index.statements import counted, moment
from holdfast.shared.letters.index.tables import bodies, dues, edits, groups, letters
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading, transaction

#: The states of letters that a replay has ended. Discarded letters have a retention of their own.
FINISHED = (State.APPLIED, State.DUPLICATE, State.SUPERSEDED, State.REJECTED, State.EXPIRED, State.DEAD_AGAIN)
_PAGE = 1000


def due(engine: Engine, states: tuple[State, ...], before: datetime) -> int:
    """Count the letters that have been in one of `states` since before that moment. Raises a Fault."""
    query = sa.select(sa.func.count()).where(_over(states, before))
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())


def purge(engine: Engine, states: tuple[State, ...], before: datetime) -> int:
    """Remove a page of such letters, with an audit entry. Return how many. The ledger still counts them. Raises a
    Fault.
    """
    with transaction(engine) as connection:
        chosen = sa.select(letters.c.id, letters.c.fingerprint, letters.c.state).where(_over(states, before))
        rows = connection.execute(chosen.order_by(letters.c.id).limit(_PAGE).with_for_update()).all()
        numbers = [row.id for row in rows]
        if not numbers:
            return 0
        for table, column in (
            (bodies, bodies.c.letter_id),
            (edits, edits.c.letter_id),
            (letters, letters.c.id),
        ):
            connection.execute(sa.delete(table).where(column.in_(numbers)))
        for (name, state), count in counted((row.fingerprint, row.state) for row in rows).items():
            values = {state: groups.c[state] - count}
            if state == State.DISCARDED:
                values["purged"] = groups.c.purged + count
            connection.execute(sa.update(groups).where(groups.c.fingerprint == name).values(values))
        actor = Actor("retention", "system", f"{', '.join(states)} since before {before.isoformat()}", "")
        record(connection, actor, AuditAction.PURGE, numbers)
        return len(numbers)


def _over(states: tuple[State, ...], before: datetime) -> sa.ColumnElement[bool]:
    unknown = sa.exists().where(dues.c.letter_id == letters.c.id)
    return sa.and_(letters.c.state.in_(states), letters.c.state_at < moment(before), ~unknown)
