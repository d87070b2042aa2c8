"""Outbox: the discards and restores that the queue does not know yet. An entry is written in the transaction of the
change and delivered afterwards, with retries until it succeeds, so that a crash in between only delays the delivery."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.shared.letters.index import body
from holdfast.shared.letters.index.body import Body
from holdfast.shared.letters.index.tables import dues, letters
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading, transaction

_DELIVERED = (
    "DELETE d FROM dead_letter_dues d JOIN dead_letters l ON l.id = d.letter_id"
    " WHERE d.letter_id = %s AND l.state_at = %s"
)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """A letter whose state changed at `state_at`."""

    number: int
    state: State
    state_at: datetime
    body: Body


def pending(engine: Engine, limit: int) -> list[OutboxEntry]:
    """Return at most `limit` entries that are not delivered yet. Raises a Fault."""
    query = sa.select(letters.c.id, letters.c.state, letters.c.state_at).join(dues, dues.c.letter_id == letters.c.id)
    with reading(engine) as connection:
        rows = connection.execute(query.limit(limit)).all()
        bodies = body.load(connection, [row.id for row in rows])
    there = (row for row in rows if row.id in bodies)  # retention may have removed a letter meanwhile
    return [OutboxEntry(row.id, State(row.state), row.state_at, bodies[row.id]) for row in there]


def delivered(engine: Engine, entries: Sequence[OutboxEntry]) -> None:
    """Remove delivered entries. A letter that has changed since keeps its entry. Raises a Fault."""
    with transaction(engine) as connection:
        for entry in entries:
            connection.exec_driver_sql(_DELIVERED, (entry.number, entry.state_at))
