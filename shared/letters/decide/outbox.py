"""Dues: what the queue has yet to be told of letters that were discarded or restored. Written with the change, paid
after it, again and again until it is: a crash in between delays it and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from holdfast.shared.letters.index import body
from holdfast.shared.letters.index.body import Body
from holdfast.shared.letters.index.tables import dues, letters
from holdfast.shared.letters.state import State
from holdfast.shared.store.apply import faults
from holdfast.shared.store.engine import Engine

_PAID = (
    "DELETE d FROM dead_letter_dues d JOIN dead_letters l ON l.id = d.letter_id"
    " WHERE d.letter_id = %s AND l.state_at = %s"
)


@dataclass(frozen=True, slots=True)
class Due:
    """One letter, as it is since `state_at`."""

    number: int
    state: State
    state_at: datetime
    body: Body


def owed(engine: Engine, limit: int) -> list[Due]:
    """Some of them."""
    query = sa.select(letters.c.id, letters.c.state, letters.c.state_at).join(dues, dues.c.letter_id == letters.c.id)
    with faults(), engine.connect() as connection:
        rows = connection.execute(query.limit(limit)).all()
        bodies = body.load(connection, [row.id for row in rows])
    return [Due(row.id, State(row.state), row.state_at, bodies[row.id]) for row in rows]


def paid(engine: Engine, delivered: Sequence[Due]) -> None:
    """The queue was told. What has changed since stays owed."""
    with faults(), engine.begin() as connection:
        for due in delivered:
            connection.exec_driver_sql(_PAID, (due.number, due.state_at))
