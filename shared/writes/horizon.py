"""Horizon: how far back operations, released unique values and tombstones are kept. This module is pure; every time in
it is a version.

A row is needed as long as something may arrive that it answers: a second delivery, a replayed dead letter, an older
claim to a unique value, a client's request with the same Idempotency-Key. Everything that may arrive is at least as new
as the oldest entry on the write stream and the oldest letter that may be replayed, and the first use of a key is older
than its last by at most the key's lifetime. `docs/adr/0028-closed-ranges.md` gives the reasons.
"""

from typing import NamedTuple

_US_PER_S = 1_000_000


class Waiting(NamedTuple):
    """The versions of the oldest writes that may still arrive; None if there is none."""

    #: The oldest entry on the write stream.
    entry: int | None
    #: The oldest dead letter that is dead or in a replay.
    letter: int | None


def horizon(now: int, newest: int, waiting: Waiting, *, keep_s: float, key_lifetime_s: float) -> int:
    """Return the version below which rows may be removed. `newest`: the newest version of all operations; a clock that
    is ahead of it does not move the horizon. `keep_s`, `key_lifetime_s`: seconds."""
    latest = min(now, newest)
    oldest = min([latest, *(version for version in waiting if version is not None)])
    return max(0, min(latest - round(keep_s * _US_PER_S), oldest - round(key_lifetime_s * _US_PER_S)))


def tombstone_horizon(committed: int, now: int, newest: int, *, keep_s: float) -> int:
    """Return the version below which tombstones may be removed. `committed`: the operations' horizon that is in force.
    A write older than that horizon is refused, so a tombstone beyond it is no longer needed against late writes."""
    return max(0, min(committed, now - round(keep_s * _US_PER_S), newest - round(keep_s * _US_PER_S)))
