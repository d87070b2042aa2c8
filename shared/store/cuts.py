"""Cuts: up to which versions the ledger is read. With several partitions of the queue each has a cut of its own. An
operation is of its entity's partition, whose number is CRC-32 of the entity's id modulo their count; an entry that the
queue itself made is also of the partition that its version is modulo their count
(docs/adr/0041-queue-partitions.md)."""

from collections.abc import Sequence

#: One for each partition.
Cuts = Sequence[int]


def cut_of(number: str, cuts: Cuts) -> str:
    """The cut of the partition that this number, in SQL, is modulo their count, as SQL."""
    if len(cuts) == 1:
        return str(int(cuts[0]))
    cases = " ".join(f"WHEN {at} THEN {int(cut)}" for at, cut in enumerate(cuts))
    return f"CASE MOD({number}, {len(cuts)}) {cases} END"


def within(version: int, cuts: Cuts) -> bool:
    """Whether a version is not newer than its cut."""
    return version <= cuts[version % len(cuts)]
