"""Cuts: the versions up to which the ledger is read. In a queue with several partitions, each partition has its own
cut. An operation belongs to its entity's partition, whose number is CRC-32 of the entity's id modulo the count of
partitions. For an entry that the queue itself made, the version modulo the count gives the same number
(docs/adr/0041-queue-partitions.md)."""

from collections.abc import Sequence

#: One cut for each partition.
Cuts = Sequence[int]


def cut_of(number: str, cuts: Cuts) -> str:
    """Return SQL for the cut of the partition that `number` belongs to. `number`: an SQL expression, taken modulo the
    count of partitions."""
    if len(cuts) == 1:
        return str(int(cuts[0]))
    cases = " ".join(f"WHEN {at} THEN {int(cut)}" for at, cut in enumerate(cuts))
    return f"CASE MOD({number}, {len(cuts)}) {cases} END"


def within(version: int, cuts: Cuts) -> bool:
    """Return whether a version is not newer than the cut of its partition."""
    return version <= cuts[version % len(cuts)]
