"""Ledger: accepted = applied + rejected + dead-lettered + discarded + in flight + lost (promise 6).

Every term comes from what the stores hold, never from a process's counters. All terms are as of one moment, the cut:
the newest entry of the write stream when the reading began. This module is pure; `services/dlq_admin/auditor/ledger.py`
reads the stores.
"""

from dataclasses import dataclass

from holdfast.shared.writes.epoch import UNKNOWN, Known
from holdfast.shared.writes.versions import to_datetime

#: The terms of the ledger's equation, in its order.
TERMS = ("accepted", "applied", "rejected", "dead_lettered", "discarded", "in_flight", "lost")


#: The counts of the rows behind the terms.
ROWS = ("kept", "open", "purged")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The terms of the equation and the counts behind them, in writes."""

    #: Entries that were ever added to the write stream, by any client.
    entries: int
    #: Those of `entries` that are replayed dead letters.
    replayed: int
    #: Those of `entries` that are second entries of an operation, whether the operation is over or not.
    duplicates: int
    #: Writes that the api applied itself while the queue was down.
    direct: int
    #: Dead letters that were imported from a file or put on their stream by hand, and so never were on the write
    #: stream.
    imported: int
    #: Applied writes, including superseded ones, which newer writes had overtaken.
    applied: int
    rejected: int
    dead_lettered: int
    discarded: int
    in_flight: int
    #: Rows of ended operations that the database has (`kept`), those of them that every reading counts again (`open`),
    #: and removed rows, which stay counted (`purged`).
    kept: int = 0
    open: int = 0
    purged: int = 0
    #: Operations older than this version are not kept; 0 if all are kept.
    horizon: int = 0
    #: The queue's memory: the number of its epoch (`epoch`), writes accepted in earlier epochs that the queue's counts
    #: lack (`carried`), and acknowledged writes among them that were lost (`lost`).
    epoch: int = 0
    carried: int = 0
    lost: int = 0
    #: The newest version that this reading includes.
    cut: int = 0
    #: How many of the writes that the queue may have forgotten when the epoch began are known: see epoch.py.
    known: Known = UNKNOWN
    #: Recent entries, as versions, of writes that were applied directly. They do not count as accepted by the queue.
    late: tuple[int, ...] = ()

    @property
    def accepted(self) -> int:
        """The number of accepted writes."""
        return self.queued + self.direct + self.imported

    @property
    def queued(self) -> int:
        """The number of writes that were accepted through the queue."""
        return self.carried + self.entries - self.replayed - self.duplicates

    @property
    def accounted(self) -> int:
        """The number of writes whose state is known."""
        return self.applied + self.rejected + self.dead_lettered + self.discarded + self.in_flight + self.lost

    @property
    def missing(self) -> int:
        """The number of accepted writes that no store has, which must be 0. A negative number is no loss: the stores
        hold more than was accepted, because something was added by hand, or the queue forgot writes that the database
        knows."""
        return self.accepted - self.accounted


def balance(missing: int, accepted: int) -> str:
    """Return the result of a reading in a few words."""
    if missing == 0:
        return f"balanced, {accepted:,} accepted"
    return f"{missing:,} missing" if missing > 0 else f"{-missing:,} more than were accepted"


def table(ledger: Ledger) -> str:
    """Return the ledger as a table for a terminal."""
    rows = [
        ("entries ever added to the write stream", ledger.entries, ""),
        ("  minus: dead letters sent again", -ledger.replayed, ""),
        ("  minus: second entries of an operation", -ledger.duplicates, ""),
        ("  plus: before the queue lost memory", ledger.carried, ""),
        ("applied directly, while the queue was down", ledger.direct, ""),
        ("dead letters imported", ledger.imported, ""),
        ("accepted", ledger.accepted, "="),
        ("applied", ledger.applied, ""),
        ("rejected", ledger.rejected, ""),
        ("dead-lettered", ledger.dead_lettered, ""),
        ("discarded", ledger.discarded, ""),
        ("in flight", ledger.in_flight, ""),
        ("lost with the queue's memory", ledger.lost, "LOST" if ledger.lost else ""),
        ("accounted for", ledger.accounted, "="),
        ("missing", max(0, ledger.missing), _NOTES[(ledger.missing > 0) - (ledger.missing < 0)]),
        *([("more than were accepted", -ledger.missing, "OUT OF BALANCE")] if ledger.missing < 0 else ()),
        ("finished operations in the database", ledger.kept, ""),
        ("  of which not summed up yet", ledger.open, ""),
        ("older ones removed, and still counted", ledger.purged, _horizon(ledger)),
    ]
    return "\n".join(f"{name:<40}{count:>14,}  {note}".rstrip() for name, count, note in rows)


#: The note beside the missing writes, by the sign of their number.
_NOTES = {0: "balanced", 1: "OUT OF BALANCE", -1: ""}


def _horizon(ledger: Ledger) -> str:
    return f"what is older than {to_datetime(ledger.horizon):%Y-%m-%d %H:%M} UTC" if ledger.horizon else ""
