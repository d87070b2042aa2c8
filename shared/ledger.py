"""The ledger: accepted = applied + rejected + dead-lettered + discarded + in flight (promise 6).

Every term comes from what the stores hold, never from a process's counters, and all of them as of one moment, the
cut: the newest entry of the write stream when the reading began. Pure; `services/dlq_admin/ledger.py` reads.
"""

from dataclasses import dataclass

#: What the law of the ledger is about, in its order.
TERMS = ("accepted", "applied", "rejected", "dead_lettered", "discarded", "in_flight")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The terms, in writes."""

    #: Entries ever put on the write stream, by whomever.
    entries: int
    #: Of those: dead letters sent again.
    replayed: int
    #: Of those: second entries of an operation that another entry ended.
    duplicates: int
    #: Applied by the api itself while the queue was away.
    direct: int
    #: Dead letters brought in from a file.
    imported: int
    applied: int
    rejected: int
    dead_lettered: int
    discarded: int
    in_flight: int

    @property
    def accepted(self) -> int:
        """Writes that a client was promised."""
        return self.entries - self.replayed - self.duplicates + self.direct + self.imported

    @property
    def accounted(self) -> int:
        """Writes whose whereabouts are known."""
        return self.applied + self.rejected + self.dead_lettered + self.discarded + self.in_flight

    @property
    def missing(self) -> int:
        """Accepted and nowhere: must be 0. Below 0: the queue forgot what the database knows."""
        return self.accepted - self.accounted


def table(ledger: Ledger) -> str:
    """For a terminal."""
    rows = [
        ("entries on the write stream, ever", ledger.entries, ""),
        ("  sent again by replays", -ledger.replayed, ""),
        ("  second copies of one operation", -ledger.duplicates, ""),
        ("applied directly, queue away", ledger.direct, ""),
        ("dead letters brought in", ledger.imported, ""),
        ("accepted", ledger.accepted, "="),
        ("applied", ledger.applied, ""),
        ("rejected", ledger.rejected, ""),
        ("dead-lettered", ledger.dead_lettered, ""),
        ("discarded", ledger.discarded, ""),
        ("in flight", ledger.in_flight, ""),
        ("accounted for", ledger.accounted, "="),
        ("missing", ledger.missing, "balanced" if ledger.missing == 0 else "OUT OF BALANCE"),
    ]
    return "\n".join(f"{name:<36}{count:>14,}  {note}".rstrip() for name, count, note in rows)
