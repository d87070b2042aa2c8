"""Horizon: how far back operations, released addresses and tombstones are kept. Pure; every time here is a version.

A row is needed for as long as something may come back that it answers: a second delivery, a dead letter sent again,
an older claim to an address, a client's request with the same Idempotency-Key. Everything that may come back is at
least as new as the oldest of what is on the write stream and what may be replayed, and a key's first use is at most
its lifetime older than its last. `docs/adr/0028-closed-ranges.md` gives the reasons.
"""

from typing import NamedTuple

_US_PER_S = 1_000_000


class Waiting(NamedTuple):
    """The oldest of what may come back; None: there is nothing."""

    #: On the write stream.
    entry: int | None
    #: Dead, or in a replay.
    letter: int | None


def horizon(now: int, newest: int, waiting: Waiting, *, keep_s: float, key_lifetime_s: float) -> int:
    """Rows older than this may go. `newest`: of all operations; a clock that is ahead of them moves nothing."""
    latest = min(now, newest)
    oldest = min([latest, *(version for version in waiting if version is not None)])
    return max(0, min(latest - round(keep_s * _US_PER_S), oldest - round(key_lifetime_s * _US_PER_S)))


def tombstone_horizon(committed: int, now: int, newest: int, *, keep_s: float) -> int:
    """Entities that were deleted before this may go. `committed`: the horizon of operations that is in force. A write
    that is older than it is refused, so a tombstone beyond it has no late write to turn away any more."""
    return max(0, min(committed, now - round(keep_s * _US_PER_S), newest - round(keep_s * _US_PER_S)))
