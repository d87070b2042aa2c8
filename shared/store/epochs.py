"""Epochs of the queue in the database. Written by dlq_admin alone."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.tables import queue_epochs
from holdfast.shared.writes.epoch import UNKNOWN, Cause, Epoch, Known, Window, window

#: Longer than any request takes until its write is accepted.
_REQUEST_US = 60_000_000


class EpochTotals(NamedTuple):
    """What the ledger needs: see Epoch."""

    epoch: int = 0
    carried: int = 0
    lost: int = 0
    floor: int = 0
    window: Window | None = None
    known: Known = UNKNOWN


def all_epochs(engine: Engine) -> list[Epoch]:
    """Oldest first. There is one a loss, a failover or a restart."""
    with reading(engine) as connection:
        return _all_in(connection)


def _all_in(connection: sa.Connection) -> list[Epoch]:
    rows = connection.execute(sa.select(queue_epochs).order_by(queue_epochs.c.epoch)).all()
    return [Epoch(**{**row._mapping, "cause": Cause(row.cause)}) for row in rows]


def totals_in(connection: sa.Connection) -> EpochTotals:
    """Zeros before the first look."""
    epochs = _all_in(connection)
    if not epochs:
        return EpochTotals()
    last = epochs[-1]
    lost = sum(each.lost for each in epochs)
    return EpochTotals(last.epoch, last.carried, lost, last.floor, window(epochs), last.known)


def broke_at(connection: sa.Connection) -> int:
    """When the queue's memory broke last, as a version; 0: never."""
    began = sa.func.coalesce(sa.func.max(queue_epochs.c.began), 0)
    return int(connection.execute(sa.select(began).where(queue_epochs.c.cause != Cause.FIRST.value)).scalar_one())


def begin(engine: Engine, epoch: Epoch) -> None:
    """Raises Clash if another dlq_admin was first."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(queue_epochs).values(asdict(epoch) | {"cause": epoch.cause.value}))


def keep(engine: Engine, epoch: int, look: int, seen: Mapping[str, int], known: Known) -> None:
    """What this look has seen, unless a later one has been kept: `accepted`, `entries`, `oldest`, `newest`, `late`; and
    what is known of the window: what became known was lost, or is carried as well."""
    row = queue_epochs.c
    of_earlier_looks = (row.epoch == epoch, row.look < look)
    # The server evaluates assignments in this order, which is the columns'.
    ends = {
        row.carried: row.carried + (known.unseen - row.known_unseen),
        row.lost: row.lost - (known.seen - row.known_seen),
        row.known_seen: known.seen,
        row.known_unseen: known.unseen,
    }
    with transaction(engine) as connection:
        connection.execute(sa.update(queue_epochs).where(*of_earlier_looks).values({"look": look, **seen, **ends}))


def lost_at(engine: Engine, made: int) -> bool:
    """Whether an operation whose id was made then, and which no store knows, may have been lost with the queue's
    memory. An id is made when its request begins, some time before the write is accepted."""
    known = queue_epochs.c
    query = sa.select(known.epoch).where(
        known.cause != Cause.FIRST.value, known.lost_from <= made + _REQUEST_US, known.began >= made
    )
    with reading(engine) as connection:
        return connection.execute(query.limit(1)).first() is not None
