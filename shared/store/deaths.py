"""Deaths: an entry that is to be dead-lettered first gives up its operation in the database, so that the operation has
only one end.

Another writer, which had the entry before and was frozen, may be about to apply it. That writer writes the operation,
checks whether the entry has given up, and commits. This module does the reverse: it records that the entry gives up,
commits, and then tries to write the operation, which waits for any transaction that is writing it. So one of the two
always sees the other.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.faults import Clash, Contention
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.load import Span, is_any_released, load_ended, load_releases
from holdfast.shared.store.statements import insert_into
from holdfast.shared.store.tables import operations
from holdfast.shared.store.write_down import RELEASE
from holdfast.shared.writes.decide import Delivery, Ended
from holdfast.shared.writes.versions import wall_clock

#: A name in `released_values` beside those of claims, which have a dot or are `emails`. In these rows the key is an
#: entry, and the released "value" is its operation. Like all rows they are removed beyond the horizon, and the entry is
#: too old to be applied by then.
_ENTRIES = "entries"
_WRITE_DOWN = insert_into(
    operations.name,
    [column.name for column in operations.columns if column.server_default is None and not column.nullable],
)


class Dying(NamedTuple):
    """An entry that is to be dead-lettered, and its operation."""

    operation_id: str
    entry_id: str


@dataclass(slots=True)
class GivenUp:
    """The state of the operations after their entries gave up. An operation in neither collection has not ended, and
    these entries will not end it."""

    ended: dict[str, Ended] = field(default_factory=dict)
    #: Operations that another transaction is writing, whose end is not known yet.
    unknown: set[str] = field(default_factory=set)


def give_up(engine: Engine, dying: Collection[Dying]) -> GivenUp:
    """Make sure that no writer applies an operation by its entry in `dying` from now on. Return what is known of the
    operations. Raises a Fault; the entries may have given up by then, and the call has to be repeated."""
    now = wall_clock()
    rows = [
        {"claims": _ENTRIES, "key": each.entry_id, "entity_id": each.operation_id, "version": now}
        for each in sorted(dying)
    ]
    with transaction(engine) as connection:
        connection.execute(RELEASE, rows)
    known = GivenUp()
    # Without trailing spaces, which the database ignores in a comparison.
    _look(engine, sorted({each.operation_id.rstrip(" ") for each in dying}), known)
    return known


def span_of(batch: Iterable[Delivery]) -> Span | None:
    """Return the range that holds a release if any delivery came too late, which is rare; or None if no delivery has an
    entry. The range runs over the entry ids of `batch` as texts, not as numbers, so other entries may be in it."""
    entries = _entries(batch)
    return Span(_ENTRIES, min(entries), max(entries)) if entries else None


def too_late(connection: sa.Connection, batch: Sequence[Delivery]) -> set[Dying]:
    """Return the deliveries of `batch` whose entries gave up. Call this after the operations are written."""
    span = span_of(batch)
    if span is None or not is_any_released(connection, span):
        return set()
    released, _ = load_releases(connection, [(_ENTRIES, entry) for entry in _entries(batch)])
    return {
        Dying(delivery.write.operation_id, delivery.entry_id)
        for delivery in batch
        if delivery.entry_id is not None
        and delivery.write.operation_id in released.get((_ENTRIES, delivery.entry_id), ())
    }


def _entries(batch: Iterable[Delivery]) -> list[str]:
    return [delivery.entry_id for delivery in batch if delivery.entry_id is not None]


def _look(engine: Engine, operation_ids: Sequence[str], known: GivenUp) -> None:
    now = utc_now().replace(tzinfo=None).isoformat(sep=" ")
    try:
        with reading(engine) as connection:
            # Never committed. The INSERT waits for transactions that write the same operations, and fails if an
            # operation exists.
            connection.exec_driver_sql(_WRITE_DOWN, [(each, "", "", "", 0, "", 0, now) for each in operation_ids])
    except Clash:
        _look_again(engine, operation_ids, known)
    except Contention:
        if len(operation_ids) == 1:
            known.unknown.update(operation_ids)
            return
        middle = len(operation_ids) // 2
        _look(engine, operation_ids[:middle], known)
        _look(engine, operation_ids[middle:], known)


def _look_again(engine: Engine, operation_ids: Sequence[str], known: GivenUp) -> None:
    """Look up which operations are over, and look at the others once more."""
    with reading(engine) as connection:
        ended = load_ended(connection, operation_ids)
    known.ended |= ended
    if not ended:  # the row is gone again; the next call will find out
        known.unknown.update(operation_ids)
    elif rest := [each for each in operation_ids if each not in ended]:
        _look(engine, rest, known)
