"""Uncertain items: letters of replays that the ledger must not count twice, as dead and as on the write stream."""

from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.letters.index.tables import items
from holdfast.shared.store.cuts import Cuts, cut_of
from holdfast.shared.store.tables import operations


class UncertainItem(NamedTuple):
    """A letter that was about to be sent. Only the queue knows whether it was."""

    replay_id: int
    letter: int


#: Of the entry of an item.
_VERSION = (
    "(CAST(SUBSTRING_INDEX(replay_items.entry_id, '-', 1) AS UNSIGNED) * 1000"
    " + CAST(SUBSTRING_INDEX(replay_items.entry_id, '-', -1) AS UNSIGNED))"
)


def in_queue(connection: sa.Connection, cuts: Cuts | None) -> int:
    """Replaying letters that are no longer dead as of the entry that each write stream ended with then (`cuts`, as
    versions; None: now): put on the stream until then, or ended since by what was put there later."""
    sent = sa.select(sa.func.count()).where(items.c.state == "sent")
    if cuts is None:
        return int(connection.execute(sent).scalar_one())
    later = sent.where(sa.text(f"{_VERSION} > {cut_of(_VERSION, cuts)}"))
    ended = later.select_from(items.join(operations, operations.c.operation_id == items.c.operation_id)).where(
        operations.c.entry_id == items.c.entry_id
    )
    all_sent, after, over = (int(connection.execute(query).scalar_one()) for query in (sent, later, ended))
    return all_sent - after + over


def doubts(connection: sa.Connection) -> list[UncertainItem]:
    """Items that a driver is about to send, or was when it died."""
    query = sa.select(items.c.replay_id, items.c.letter_id).where(items.c.state == "sending")
    return [UncertainItem(*row) for row in connection.execute(query)]
