"""The table of `make test-failover`, with one row per fault."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.shared.writes.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the writes under one fault. `promised`: whether the documents promise that no write is lost.
    `longest_s`: the longest seconds without an answer to a write, without a fresh read, and without an applied write
    (None if no writer ran)."""

    acknowledged: int
    lost: int
    doubled: int
    longest_s: tuple[float | None, ...]
    #: The ledger at the end.
    ledger: Ledger
    promised: bool = True

    @property
    def kept(self) -> bool:
        """Whether the result is as the documents say. If a loss is not excluded, writes are lost here and the ledger
        names the loss. A ledger without an epoch could not name any, because no auditor has run."""
        as_promised = self.lost == 0 if self.promised else self.lost > 0 < self.ledger.lost
        return as_promised and self.doubled == 0 < self.ledger.epoch


class Skipped(Exception):
    """This machine lacks what the fault needs."""


#: Name -> a function that runs the fault in an empty folder.
Faults = Mapping[str, Callable[[Path], Row]]

_HEADS = (
    "fault", "acknowledged", "lost", "doubled", "longest without an answer", "without a fresh read",
    "without an applied write", "the ledger",
)  # fmt: skip


def table(rows: Sequence[tuple[str, Row]]) -> str:
    """Return the table in Markdown."""
    lines = [_HEADS, tuple("---" for _ in _HEADS)]
    for name, row in rows:
        lost = f"{row.lost}" if row.promised else f"{row.lost} (not promised)"
        longest = ("no writer" if seconds is None else f"{seconds:.1f} s" for seconds in row.longest_s)
        ledger = f"missing {row.ledger.missing}, lost {row.ledger.lost}, epoch {row.ledger.epoch}"
        lines.append((name, f"{row.acknowledged:,}", lost, f"{row.doubled}", *longest, ledger))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
