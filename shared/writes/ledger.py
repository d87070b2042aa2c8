"""The ledger: accepted = applied + rejected + dead-lettered + discarded + in flight + lost (promise 6).

Every term comes from what the stores hold, never from a process's counters, and all of them as of one moment, the
cut: the newest entry of the write stream when the reading began. Pure; `services/dlq_admin/auditor/ledger.py` reads.
"""

from dataclasses import dataclass

from holdfast.shared.writes.epoch import UNKNOWN, Known
from holdfast.shared.writes.versions import to_datetime

#: What the law of the ledger is about, in its order.
TERMS = ("accepted", "applied", "rejected", "dead_lettered", "discarded", "in_flight", "lost")


#: What it says of the rows behind the terms.
ROWS = ("kept", "open", "purged")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The terms, in writes."""

    #: Entries ever put on the write stream, by whomever.
    entries: int
    #: Of those: dead letters sent again.
    replayed: int
    #: Of those: second entries of an operation, whether it is over or not.
    duplicates: int
    #: Applied by the api itself while the queue was away.
    direct: int
    #: Dead letters brought in from a file, or put on their stream by hand: no entry of the write stream is theirs.
    imported: int
    #: Those included that newer writes had overtaken.
    applied: int
    rejected: int
    dead_lettered: int
    discarded: int
    in_flight: int
    #: Rows of ended operations that the database has; of those, the ones that every reading counts anew; and removed
    #: ones, which stay counted.
    kept: int = 0
    open: int = 0
    purged: int = 0
    #: What is older is not kept, as a version; 0: all is kept.
    horizon: int = 0
    #: The queue's memory: how often it broke and began anew; writes accepted before that, which its counts miss; and of
    #: those, the acknowledged ones that were gone.
    epoch: int = 0
    carried: int = 0
    lost: int = 0
    #: The newest version that this reading is about.
    cut: int = 0
    #: What is known of the writes that the queue may have forgotten when the epoch began: see epoch.py.
    known: Known = UNKNOWN
    #: Recent entries, as versions, of writes that were applied directly: they do not count as accepted by the queue.
    late: tuple[int, ...] = ()

    @property
    def accepted(self) -> int:
        """Writes that a client was promised."""
        return self.queued + self.direct + self.imported

    @property
    def queued(self) -> int:
        """Of those: accepted through the queue."""
        return self.carried + self.entries - self.replayed - self.duplicates

    @property
    def accounted(self) -> int:
        """Writes of which it is known what became."""
        return self.applied + self.rejected + self.dead_lettered + self.discarded + self.in_flight + self.lost

    @property
    def missing(self) -> int:
        """Accepted and nowhere: must be 0. Below 0: the stores hold more than was accepted, because something was put
        there by hand, or the queue forgot what the database knows; that is no loss."""
        return self.accepted - self.accounted


def balance(missing: int, accepted: int) -> str:
    """What a reading comes to, in a few words."""
    if missing == 0:
        return f"balanced, {accepted:,} accepted"
    return f"{missing:,} missing" if missing > 0 else f"{-missing:,} more than were accepted"


def table(ledger: Ledger) -> str:
    """For a terminal."""
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


#: Of what is missing, by its sign.
_NOTES = {0: "balanced", 1: "OUT OF BALANCE", -1: ""}


def _horizon(ledger: Ledger) -> str:
    return f"what is older than {to_datetime(ledger.horizon):%Y-%m-%d %H:%M} UTC" if ledger.horizon else ""
