"""Heartbeats: their operations are taken away after a while, and the ledger is told how many went."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from shared.commands import heartbeat_id
from shared.store.apply import faults
from shared.store.engine import Engine

#: Far longer than anybody may deliver one again.
KEEP_S = 3600.0
_PAGE = 1000

# The range is the heartbeats' own part of the primary key: no other row is looked at.
_DELETE = sa.text(
    "DELETE FROM operations WHERE operation_id >= :first AND operation_id < :beyond AND ended_at < :before"
    " AND command = 'Heartbeat' AND effect = 'applied' ORDER BY operation_id LIMIT :most"
)
_COUNT = sa.text(
    "INSERT INTO operations_reaped (effect, operations) VALUES ('applied', :count)"
    " ON DUPLICATE KEY UPDATE operations = operations + VALUES(operations)"
)


def reap(engine: Engine, keep_s: float = KEEP_S) -> int:
    """Take away those that ended more than `keep_s` ago; how many. Raises the store's faults."""
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=keep_s)
    known = {"first": heartbeat_id(0), "beyond": "heartbeat-:", "before": before, "most": _PAGE}  # `:` is after `9`
    gone = 0
    while True:
        with faults(), engine.begin() as connection:
            count = connection.execute(_DELETE, known).rowcount
            if count:
                connection.execute(_COUNT, {"count": count})
        gone += count
        if count < _PAGE:
            return gone
