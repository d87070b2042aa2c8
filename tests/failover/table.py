"""The table of `make test-failover`: one row a fault."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from holdfast.shared.writes.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the writes under one fault. `promised`: whether the documents promise that none is lost.
    `longest_s`: without an answer to a write, a fresh read, a write that was applied (None: no writer ran)."""

    acknowledged: int
    lost: int
    doubled: int
    longest_s: tuple[float | None, ...]
    #: As it was at the end.
    ledger: Ledger
    promised: bool = True

    @property
    def kept(self) -> bool:
        """Whether it is as the documents say: what is not promised is lost here, and the ledger names it. One without
        an epoch could not: no auditor has looked."""
        as_promised = self.lost == 0 if self.promised else self.lost > 0 < self.ledger.lost
        return as_promised and self.doubled == 0 < self.ledger.epoch


class Skipped(Exception):
    """What a fault needs is not on this machine."""


#: By name: a function of an empty folder.
Faults = Mapping[str, Callable[[Path], Row]]

_HEADS = (
    "fault", "acknowledged", "lost", "doubled", "longest without an answer", "without a fresh read",
    "without an applied write", "the ledger",
)  # fmt: skip


def table(rows: Sequence[tuple[str, Row]]) -> str:
    """As Markdown."""
    lines = [_HEADS, tuple("---" for _ in _HEADS)]
    for name, row in rows:
        lost = f"{row.lost}" if row.promised else f"{row.lost} (not promised)"
        longest = ("no writer" if seconds is None else f"{seconds:.1f} s" for seconds in row.longest_s)
        ledger = f"missing {row.ledger.missing}, lost {row.ledger.lost}, epoch {row.ledger.epoch}"
        lines.append((name, f"{row.acknowledged:,}", lost, f"{row.doubled}", *longest, ledger))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
