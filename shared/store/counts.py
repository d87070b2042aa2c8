"""Counts: the database's side of the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from shared.store.apply import faults, load_ended
from shared.store.engine import Engine
from shared.store.tables import operations, operations_reaped

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class OperationCounts:
    """Operations that are over, also those whose rows were taken away."""

    applied: int
    rejected: int
    #: Of all of them: those that never were on the stream.
    direct: int


def operation_counts(engine: Engine, up_to_version: int) -> OperationCounts:
    """Of the operations accepted up to a version; all of the direct ones."""
    column = operations.c
    on_stream = sa.and_(column.entry_id.is_not(None), column.version <= up_to_version)
    rejected = column.effect == "rejected"
    query = sa.select(rejected.label("rejected"), column.entry_id.is_(None).label("direct"), sa.func.count()).where(
        sa.or_(on_stream, column.entry_id.is_(None))
    )
    gone = sa.select(operations_reaped.c.effect, operations_reaped.c.operations)
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ")
    with faults(), snapshot.begin() as connection:
        rows: list[Any] = [*connection.execute(query.group_by(sa.text("1, 2"))).all()]
        rows += [(effect == "rejected", False, count) for effect, count in connection.execute(gone)]
    return OperationCounts(
        applied=sum(count for was_rejected, _, count in rows if not was_rejected),
        rejected=sum(count for was_rejected, _, count in rows if was_rejected),
        direct=sum(count for _, was_direct, count in rows if was_direct),
    )


def ended_by(engine: Engine, operation_ids: Iterable[str]) -> dict[str, str | None]:
    """Operation id -> the entry that ended it, for those of `operation_ids` that are over."""
    wanted = sorted(set(operation_ids))
    found: dict[str, str | None] = {}
    with faults(), engine.connect() as connection:
        for at in range(0, len(wanted), _PAGE):
            ended = load_ended(connection, wanted[at : at + _PAGE])
            found |= {operation_id: one.entry_id for operation_id, one in ended.items()}
    return found
