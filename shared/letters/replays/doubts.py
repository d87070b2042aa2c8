"""Doubts: finds the letters of replays that the ledger must not count twice, as dead and as on the write stream."""

from collections.abc import Container
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.cuts import Cuts, within
from holdfast.shared.writes import versions


class UncertainItem(NamedTuple):
    """A letter that was about to be sent. Only the queue knows whether it was sent."""

    replay_id: int
    letter: int
    #: The entry that ended the letter's operation, if the operation is over. If this is the sent entry, it was sent.
    ended_by: str | None


_SENT = (
    "SELECT i.entry_id, o.operation_id, o.entry_id, d.id FROM replay_items i"
    " LEFT JOIN operations o ON o.operation_id = i.operation_id"
    " LEFT JOIN dead_letters d ON d.entry_id = i.entry_id AND d.imported = 0 WHERE i.state = 'sent'"
)

_SENDING = (
    "SELECT i.replay_id, i.letter_id, o.entry_id FROM replay_items i"
    " JOIN dead_letters d ON d.id = i.letter_id"
    " LEFT JOIN operations o ON o.operation_id = d.operation_id WHERE i.state = 'sending'"
)


def in_queue(connection: sa.Connection, cuts: Cuts | None, there: Container[str] | None) -> int:
    """Count the replaying letters that are not to be counted as dead as of `cuts`.

    `cuts`: the last entry of each write stream at that time, as versions; None: now. `there`: the entries on both
    streams; None: all. A letter counts if its entry was sent up to the cut and is in `there` or over, or if its entry
    was sent later and has ended the operation since. A letter whose entry is nowhere is dead as before, and its replay
    will notice.
    """
    found = set()
    for entry_id, over, ended_by, again in connection.exec_driver_sql(_SENT):
        if cuts is None or within(versions.from_stream_id(entry_id), cuts):
            sent = there is None or entry_id in there or over is not None or again is not None
        else:
            sent = ended_by == entry_id
        found |= {entry_id} if sent else set()
    return len(found)


def doubts(connection: sa.Connection) -> list[UncertainItem]:
    """Return the items that a driver is about to send, or was about to send when it crashed."""
    return [UncertainItem(*row) for row in connection.exec_driver_sql(_SENDING)]
