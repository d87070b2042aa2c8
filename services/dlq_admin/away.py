"""Away: texts that name the partitions of the queue which do not answer. Pure."""

from collections.abc import Sequence


def named(partitions: Sequence[int]) -> str:
    """Return `partition 2`, or `partitions 1, 3`."""
    return f"partition{'s' if len(partitions) > 1 else ''} {', '.join(map(str, partitions))}"


def silent(partitions: Sequence[int]) -> str:
    """Return `partition 2 of the queue does not answer`."""
    return f"{named(partitions)} of the queue {'do' if len(partitions) > 1 else 'does'} not answer"
