"""The table of `make test-failover`: one row a fault."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.servers import Database


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the writes under one fault. `promised`: whether the documents promise that none is lost."""

    acknowledged: int
    lost: int
    doubled: int
    longest_s: float
    #: What the ledger said at the end.
    ledger: str
    promised: bool = True

    @property
    def kept(self) -> bool:
        """Whether it is as the documents say."""
        return self.doubled == 0 and (self.lost == 0 or not self.promised)


#: By name: a function of an empty database and an empty folder.
Faults = Mapping[str, Callable[[Database, Path], Row]]

_HEADS = ("fault", "acknowledged", "lost", "doubled", "longest without an answer", "the ledger")


def table(rows: Sequence[tuple[str, Row]]) -> str:
    """As Markdown."""
    lines = [_HEADS, tuple("---" for _ in _HEADS)]
    for name, row in rows:
        lost = f"{row.lost}" if row.promised else f"{row.lost} (not promised)"
        cells = (name, f"{row.acknowledged:,}", lost, f"{row.doubled}", f"{row.longest_s:.1f} s", row.ledger)
        lines.append(cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
