"""Disputes: where the order of acceptance is not defined.

While the queue is away a write goes straight to the database, past earlier ones that are still queued. Between a direct
write and a queued one of the same user or address the order is that of their commits, not that of their versions.
What such a pair touches, and what follows from it, is counted and not compared with the sequential model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.convergence.sequential_model import Accepted


@dataclass(frozen=True)
class Ended:
    """An operation as the database holds it."""

    version: int
    #: "applied", "superseded", or the code of the rejection.
    end: str
    direct: bool
    ended_at: datetime


@dataclass
class Disputed:
    """What cannot be compared."""

    #: Pairs of a direct write and an earlier one that was applied after it.
    pairs: int
    operations: set[str]
    users: set[str]


def disputed(acknowledged: Mapping[str, Accepted], rows: Mapping[str, Ended]) -> Disputed:
    """From the operations that are both acknowledged and over."""
    in_order = sorted(acknowledged.keys() & rows.keys(), key=lambda id: rows[id].version)
    touched = {id: _touches(acknowledged[id]) for id in in_order}
    found = Disputed(0, set(), set())
    things: set[str] = set()
    for direct in (id for id in in_order if rows[id].direct):
        for other in in_order:
            overtaken = rows[other].version < rows[direct].version and rows[other].ended_at >= rows[direct].ended_at
            if overtaken and touched[other] & touched[direct]:
                found.pairs += 1
                things |= touched[other] | touched[direct]
    size = -1
    while things and len(things) != size:  # whoever shares an address with a disputed user is disputed too
        size = len(things)
        for id in in_order:
            if touched[id] & things:
                things |= touched[id]
    found.operations = {id for id in in_order if touched[id] & things}
    found.users = {acknowledged[id].user_id for id in found.operations}
    return found


def _touches(write: Accepted) -> set[str]:
    return {write.user_id, write.email} if write.email else {write.user_id}
