"""Closing: adds ended operations to the totals, in the transaction that marks their rows as counted.

Because the mark is on the row, the order in which operations end does not matter. An operation with an old version that
ends late, or whose transaction is still open, has no mark; it is counted by its row until a later step closes it. A
step takes only rows that no other transaction has locked, and waits for no writer.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.shared.store.counts import read_totals
from holdfast.shared.store.engine import Engine, transaction

_OPEN = sa.text(
    "SELECT operation_id, version, effect, entry_id FROM operations FORCE INDEX (operations_closed)"
    " WHERE closed = 0 AND version <= :up_to LIMIT :most FOR UPDATE SKIP LOCKED"
)
_CLOSE = "UPDATE operations SET closed = 1 WHERE operation_id IN ({})"
_ADD = sa.text(
    "INSERT INTO operation_totals (id, applied, rejected, direct, closed_to)"
    " VALUES (1, :applied, :rejected, :direct, :closed_to) ON DUPLICATE KEY UPDATE applied = applied + VALUES(applied),"
    " rejected = rejected + VALUES(rejected), direct = direct + VALUES(direct),"
    " closed_to = GREATEST(closed_to, VALUES(closed_to))"
)


def close(engine: Engine, up_to_version: int, most: int) -> int:
    """Close at most `most` rows up to a version. Return how many. Any number of processes may do so concurrently."""
    with transaction(engine) as connection:
        read_totals(connection, lock=True)  # one closer at a time: another one waits for this step
        rows = connection.execute(_OPEN, {"up_to": up_to_version, "most": most}).all()
        if rows:
            ids = tuple(row.operation_id for row in rows)
            connection.exec_driver_sql(_CLOSE.format(",".join(["%s"] * len(ids))), ids)
            connection.execute(_ADD, _sums(rows))
    return len(rows)


def _sums(rows: Sequence[Any]) -> dict[str, int]:
    rejected = sum(row.effect == "rejected" for row in rows)
    return {
        "applied": len(rows) - rejected,
        "rejected": rejected,
        "direct": sum(row.entry_id is None for row in rows),
        "closed_to": max(row.version for row in rows),
    }
