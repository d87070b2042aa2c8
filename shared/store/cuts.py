"""Cuts: up to which versions the ledger is read. With several partitions of the queue each has a cut of its own; a
version is of the partition that it is modulo their count (docs/adr/0041-queue-partitions.md)."""

from collections.abc import Sequence

#: One for each partition.
Cuts = Sequence[int]


def cut_of(column: str, cuts: Cuts) -> str:
    """The cut of the version in a column, as SQL."""
    if len(cuts) == 1:
        return str(int(cuts[0]))
    cases = " ".join(f"WHEN {number} THEN {int(cut)}" for number, cut in enumerate(cuts))
    return f"CASE MOD({column}, {len(cuts)}) {cases} END"


def within(version: int, cuts: Cuts) -> bool:
    """Whether a version is not newer than its cut."""
    return version <= cuts[version % len(cuts)]
