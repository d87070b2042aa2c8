"""Counts: the database's side of the ledger.

An operation is counted in one of two places: as a row that is still open, or in the totals that it was added to when
its row was closed. A reading adds both up in one snapshot, so its cost follows what is open, not what was ever done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.cuts import Cuts, cut_of
from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.load import load_ended
from holdfast.shared.store.tables import operation_totals, operations

_PAGE = 1000

# The indexes are named: their statistics lag behind, and the wrong one reads the whole table.
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
    """Operations that are over, also those whose rows were removed."""

    applied: int
    rejected: int
    #: Of all of them: those that never were on the stream.
    direct: int
    #: Of all of them: those in no total yet, which every reading counts again.
    open: int
    totals: Totals

    @property
    def kept(self) -> int:
        """Rows that the database has of them, those newer than the cut aside."""
        return self.applied + self.rejected - self.totals.purged


def operation_counts(engine: Engine, up_to_version: int) -> OperationCounts:
    """Of the operations accepted up to a version; all of the direct ones."""
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    with transaction(snapshot) as connection:
        return counts_in(connection, (up_to_version,))


def counts_in(connection: sa.Connection, cuts: Cuts) -> OperationCounts:
    """The same, in a transaction that sees one snapshot."""
    totals, least = read_totals(connection), min(cuts)
    still_open, rejected, direct = _counted(connection, _OPEN, cuts)
    later = later_rejected = 0
    if totals.closed_to > least:  # another replica has closed rows that this reading began too early for
        later, later_rejected, _ = _counted(connection, _LATER, cuts)
    return OperationCounts(
        applied=totals.applied + still_open - rejected - (later - later_rejected),
        rejected=totals.rejected + rejected - later_rejected,
        direct=totals.direct + direct,
        open=still_open,
        totals=totals,
    )


def _counted(connection: sa.Connection, query: str, cuts: Cuts) -> tuple[int, int, int]:
    """(all, rejected, direct)"""
    statement = query.format(cut=cut_of("CRC32(entity_id)", cuts), least=min(cuts))
    every, rejected, direct = connection.exec_driver_sql(statement).one()
    return int(every), int(rejected or 0), int(direct or 0)


def read_totals(connection: sa.Connection, *, lock: bool = False) -> Totals:
    """All zeros where nothing was ever closed. `lock`: until the transaction ends."""
    query = sa.select(operation_totals)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    return Totals(*row) if row else Totals()


def ended_by(connection: sa.Connection, operation_ids: Iterable[str]) -> dict[str, str | None]:
    """Operation id -> the entry that ended it, for those of `operation_ids` that are over."""
    wanted = sorted(set(operation_ids))
    found: dict[str, str | None] = {}
    for at in range(0, len(wanted), _PAGE):
        ended = load_ended(connection, wanted[at : at + _PAGE])
        found |= {operation_id: one.entry_id for operation_id, one in ended.items()}
    return found


def ended_versions(engine: Engine, operation_ids: Iterable[str]) -> dict[str, int]:
    """Operation id -> its version, for those of `operation_ids` that are over."""
    wanted, found = sorted(set(operation_ids)), dict[str, int]()
    with reading(engine) as connection:
        for at in range(0, len(wanted), _PAGE):
            page = wanted[at : at + _PAGE]
            query = sa.select(operations.c.operation_id, operations.c.version).where(
                operations.c.operation_id.in_(page)
            )
            found |= {operation_id: int(version) for operation_id, version in connection.execute(query)}
    return found
