"""Counts: the database's side of the ledger.

An operation is counted in one of two places: as a row that is still open, or in the totals, to which it was added when
its row was closed. A reading sums up both in one snapshot, so its cost follows the open rows, not all that ever ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.cuts import Cuts, cut_of
from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.load import load_ended
from holdfast.shared.store.tables import operation_totals, operations

_PAGE = 1000

# The indexes are forced, because statistics lag behind, and the wrong index means reading the whole table.
_COUNT = "SELECT COUNT(*), SUM(effect = 'rejected'), SUM(entry_id IS NULL) FROM operations"
_OPEN = f"{_COUNT} FORCE INDEX (operations_closed) WHERE closed = 0 AND (entry_id IS NULL OR version <= {{cut}})"
_LATER = (
    f"{_COUNT} FORCE INDEX (operations_version) WHERE closed = 1 AND entry_id IS NOT NULL"
    " AND version > {least} AND version > {cut}"
)


class Totals(NamedTuple):
    """The row of `operation_totals`; see `shared/store/tables.py`."""

    id: int = 1
    applied: int = 0
    rejected: int = 0
    direct: int = 0
    closed_to: int = 0
    purged: int = 0
    purged_to: int = 0
    releases_purged: int = 0


@dataclass(frozen=True, slots=True)
class OperationCounts:
    """The number of ended operations, including those whose rows were removed."""

    applied: int
    rejected: int
    #: Ended operations that were never on the stream.
    direct: int
    #: Ended operations that are in no total yet, and are counted again by every reading.
    open: int
    totals: Totals

    @property
    def kept(self) -> int:
        """The number of ended operations' rows in the database, without rows that are newer than the cut."""
        return self.applied + self.rejected - self.totals.purged


def operation_counts(engine: Engine, up_to_version: int) -> OperationCounts:
    """Count the ended operations that were accepted up to a version, and all direct ones, in a transaction of its own:
    for tests and the benchmark of a reading. Raises a Fault."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    with transaction(snapshot) as connection:
        return counts_in(connection, (up_to_version,))


def counts_in(connection: sa.Connection, cuts: Cuts) -> OperationCounts:
    """Count the ended operations up to `cuts`, and all direct ones, in a transaction that sees one snapshot."""
    totals, least = read_totals(connection), min(cuts)
    still_open, rejected, direct = _counted(connection, _OPEN, cuts)
    later = later_rejected = 0
    if totals.closed_to > least:  # rows newer than the cuts were closed since this reading began
        later, later_rejected, _ = _counted(connection, _LATER, cuts)
    return OperationCounts(
        applied=totals.applied + still_open - rejected - (later - later_rejected),
        rejected=totals.rejected + rejected - later_rejected,
        direct=totals.direct + direct,
        open=still_open,
        totals=totals,
    )


def _counted(connection: sa.Connection, query: str, cuts: Cuts) -> tuple[int, int, int]:
    """Return the numbers of (all, rejected, direct) operations."""
    statement = query.format(cut=cut_of("CRC32(entity_id)", cuts), least=min(cuts))
    every, rejected, direct = connection.exec_driver_sql(statement).one()
    return int(every), int(rejected or 0), int(direct or 0)


def read_totals(connection: sa.Connection, *, lock: bool = False) -> Totals:
    """Return the totals, which are zeros if nothing was ever closed. `lock`: lock the row until the transaction
    ends."""
    query = sa.select(operation_totals)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return Totals(*row) if row else Totals()


def ended_by(connection: sa.Connection, operation_ids: Iterable[str]) -> dict[str, str | None]:
    """Return operation id -> the entry that ended it, for those of `operation_ids` that are over."""
    wanted = sorted(set(operation_ids))
    found: dict[str, str | None] = {}
    for page in parts_of(wanted, _PAGE):
        ended = load_ended(connection, page)
        found |= {operation_id: one.entry_id for operation_id, one in ended.items()}
    return found


def ended_versions(engine: Engine, operation_ids: Iterable[str]) -> dict[str, int]:
    """Return operation id -> version, for those of `operation_ids` that are over."""
    wanted, found = sorted(set(operation_ids)), dict[str, int]()
    with reading(engine) as connection:
        for page in parts_of(wanted, _PAGE):
            query = sa.select(operations.c.operation_id, operations.c.version).where(
                operations.c.operation_id.in_(page)
            )
            found |= {operation_id: int(version) for operation_id, version in connection.execute(query)}
    return found
