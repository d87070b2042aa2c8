"""History: removes rows of operations and releases that are older than the horizon, in small steps, and only operations
that the totals have counted.

The horizon is committed before the first row is removed. A transaction that looks for an operation, or for the release
of a unique value, reads the horizon in the same statement or a later one. If it misses a removed row, it sees that its
write is too old.
"""

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from holdfast.shared.letters.index.statements import places
from holdfast.shared.letters.index.tables import letters
from holdfast.shared.letters.state import State
from holdfast.shared.store.counts import read_totals
from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.tables import operations
from holdfast.shared.writes.versions import to_datetime

#: Allowed clock difference: `ended_at` is by the clocks of writers, which may differ from the queue's.
_CLOCKS_DIFFER = timedelta(hours=1)

_ADVANCE = sa.text(
    "INSERT INTO operation_totals (id, purged_to) VALUES (1, :to)"
    " ON DUPLICATE KEY UPDATE purged_to = GREATEST(purged_to, VALUES(purged_to))"
)
# The end counts too: a later write of the entity may name this operation as its predecessor if it was accepted before
# this operation ended.
_DUE = sa.text(
    "SELECT operation_id, version FROM operations FORCE INDEX (operations_version)"
    " WHERE version >= :after AND version < :horizon AND closed = 1 AND ended_at < :ended_before"
    " ORDER BY version LIMIT :most FOR UPDATE SKIP LOCKED"
)
_DELETE = "DELETE FROM operations WHERE operation_id IN ({})"
_DELETE_RELEASES = sa.text("DELETE FROM released_values WHERE version < :horizon ORDER BY version LIMIT :most")
_COUNT = sa.text(
    "UPDATE operation_totals SET purged = purged + :operations, releases_purged = releases_purged + :releases"
    " WHERE id = 1"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """The versions in the database that the horizon depends on."""

    purged_to: int
    newest: int
    #: The oldest letter that may still be applied, or None.
    oldest_letter: int | None


def look(engine: Engine) -> Kept:
    """Read the versions that the horizon depends on from the ends of indexes. A letter that is already too old does not
    count, because it is never applied. Raises a Fault."""
    states = (State.DEAD, State.REPLAYING)
    with reading(engine) as connection:
        purged_to = read_totals(connection).purged_to
        newest = connection.execute(sa.select(sa.func.max(operations.c.version))).scalar_one() or 0
        oldest = [
            connection.execute(
                sa.select(sa.func.min(letters.c.version)).where(
                    letters.c.state == state, letters.c.version >= purged_to
                )
            ).scalar_one()
            for state in states
        ]
    return Kept(purged_to, newest, min((version for version in oldest if version is not None), default=None))


def advance(engine: Engine, to: int) -> None:
    """Commit the horizon, which never goes back. Raises a Fault."""
    with transaction(engine) as connection:
        connection.execute(_ADVANCE, {"to": to})


def purge_operations(engine: Engine, after: int, most: int) -> tuple[int, int | None]:
    """Remove at most `most` operations below the horizon, from version `after` on. Return how many, and the version to
    continue from, or None if no more are due. Raises a Fault."""
    with transaction(engine) as connection:
        horizon = read_totals(connection).purged_to
        ended_before = (to_datetime(horizon) - _CLOCKS_DIFFER).replace(tzinfo=None) if horizon else None
        due = {"after": after, "horizon": horizon, "ended_before": ended_before, "most": most}
        rows = connection.execute(_DUE, due).all() if horizon else []
        if not rows:
            return 0, None
        ids = tuple(row.operation_id for row in rows)
        connection.exec_driver_sql(_DELETE.format(places(ids)), ids)
        connection.execute(_COUNT, {"operations": len(ids), "releases": 0})
    return len(ids), rows[-1].version if len(ids) == most else None


def purge_releases(engine: Engine, most: int) -> int:
    """Remove at most `most` releases of unique values below the horizon. Return how many. Raises a Fault."""
    with transaction(engine) as connection:
        horizon = read_totals(connection).purged_to
        gone = connection.execute(_DELETE_RELEASES, {"horizon": horizon, "most": most}).rowcount if horizon else 0
        if gone:
            connection.execute(_COUNT, {"operations": 0, "releases": gone})
    return gone
