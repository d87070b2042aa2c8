"""Epochs: the queue's epochs in the database. Only dlq_admin writes them."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.tables import queue_epochs
from holdfast.shared.writes.epoch import UNKNOWN, Cause, Epoch, Known, Window, window

#: Longer than any request takes until its write is accepted, in microseconds.
_REQUEST_US = 60_000_000


class EpochTotals(NamedTuple):
    """The values of the epochs that the ledger needs; see Epoch."""

    epoch: int = 0
    carried: int = 0
    lost: int = 0
    floor: int = 0
    window: Window | None = None
    known: Known = UNKNOWN


def all_epochs(engine: Engine) -> list[Epoch]:
    """Return all epochs, oldest first. A new one begins at each loss, failover or restart. Raises a Fault."""
    with reading(engine) as connection:
        return _all_in(connection)


def _all_in(connection: sa.Connection) -> list[Epoch]:
    rows = connection.execute(sa.select(queue_epochs).order_by(queue_epochs.c.epoch)).all()
    return [Epoch(**{**row._mapping, "cause": Cause(row.cause)}) for row in rows]


def totals_in(connection: sa.Connection) -> EpochTotals:
    """Return the totals of all epochs, which are zeros before the first look."""
    epochs = _all_in(connection)
    if not epochs:
        return EpochTotals()
    last = epochs[-1]
    lost = sum(each.lost for each in epochs)
    return EpochTotals(last.epoch, last.carried, lost, last.floor, window(epochs), last.known)


def broke_at(connection: sa.Connection) -> int:
    """Return when the queue's memory last broke, as a version, or 0 if it never did."""
    began = sa.func.coalesce(sa.func.max(queue_epochs.c.began), 0)
    return int(connection.execute(sa.select(began).where(queue_epochs.c.cause != Cause.FIRST.value)).scalar_one())


def begin(engine: Engine, epoch: Epoch) -> None:
    """Record the begin of an epoch. Raises Clash if another dlq_admin was first, or any other Fault."""
    with transaction(engine) as connection:
        connection.execute(sa.insert(queue_epochs).values(asdict(epoch) | {"cause": epoch.cause.value}))


def keep(engine: Engine, epoch: int, look: int, seen: Mapping[str, int], known: Known) -> None:
    """Record what a look has seen, unless a later look is already recorded. Raises a Fault.

    `seen`: `accepted`, `entries`, `oldest`, `newest`, `late`. `known`: what is known by now of the writes in the
    window. Writes that became known and had been seen no longer count as lost; the others are added to `carried`.
    """
    row = queue_epochs.c
    of_earlier_looks = (row.epoch == epoch, row.look < look)
    # The server evaluates assignments in this order, which is the order of the columns.
    ends = {
        row.carried: row.carried + (known.unseen - row.known_unseen),
        row.lost: row.lost - (known.seen - row.known_seen),
        row.known_seen: known.seen,
        row.known_unseen: known.unseen,
    }
    with transaction(engine) as connection:
        connection.execute(sa.update(queue_epochs).where(*of_earlier_looks).values({"look": look, **seen, **ends}))


def lost_at(engine: Engine, made: int) -> bool:
    """Return whether an operation that no store knows may have been lost with the queue's memory. `made`: when the
    operation's id was made, as a version, which is some time before the write is accepted. Raises a Fault."""
    known = queue_epochs.c
    query = sa.select(known.epoch).where(
        known.cause != Cause.FIRST.value, known.lost_from <= made + _REQUEST_US, known.began >= made
    )
    with reading(engine) as connection:
        return connection.execute(query.limit(1)).first() is not None
