"""Deaths: an entry that is to be a dead letter gives up its operation first, in the database. So it has one end.

Another writer may be about to apply the same entry: one that was frozen, and had it before. What it does is write down
the operation, look whether the entry gave it up, and commit. What happens here is the other way round: record that the
entry gives up, commit, and try to write down the operation, which waits for whoever is doing so. One of the two sees
the other.
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

#: Beside the names of claims in `released_values`, which have a dot or are `emails`: there the key is an entry, and
#: what it released is its operation. They go like all that is older than the horizon, when the entry is too old too.
_ENTRIES = "entries"
_WRITE_DOWN = insert_into(
    operations.name,
    [column.name for column in operations.columns if column.server_default is None and not column.nullable],
)


class Dying(NamedTuple):
    """An entry, and the operation that it would be the end of."""

    operation_id: str
    entry_id: str


@dataclass(slots=True)
class GivenUp:
    """What is known of the operations afterwards. Those that are in neither have no end, and get none by these
    entries."""

    ended: dict[str, Ended] = field(default_factory=dict)
    #: In somebody's transaction: how it ends is not known yet.
    unknown: set[str] = field(default_factory=set)


def give_up(engine: Engine, dying: Collection[Dying]) -> GivenUp:
    """From here on nobody applies an operation by the entry that is given here for it. Raises a Fault; the entries may
    have given up then, and it has to be done again."""
    now = wall_clock()
    rows = [
        {"claims": _ENTRIES, "key": each.entry_id, "entity_id": each.operation_id, "version": now}
        for each in sorted(dying)
    ]
    with transaction(engine) as connection:
        connection.execute(RELEASE, rows)
    known = GivenUp()
    # As the database compares them: without the spaces at their end.
    _look(engine, sorted({each.operation_id.rstrip(" ") for each in dying}), known)
    return known


def span_of(batch: Iterable[Delivery]) -> Span | None:
    """Where a release is, if any delivery came too late; almost never is one there. In it are all entries of `batch`,
    and those that are between them as texts, which is not as numbers."""
    entries = _entries(batch)
    return Span(_ENTRIES, min(entries), max(entries)) if entries else None


def too_late(connection: sa.Connection, batch: Sequence[Delivery]) -> set[Dying]:
    """The deliveries of `batch` whose entries gave up, once their operations are written down."""
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
            # Never committed: it waits for those who do the same, and fails where the operation is there.
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
    """Some of them are over."""
    with reading(engine) as connection:
        ended = load_ended(connection, operation_ids)
    known.ended |= ended
    if not ended:  # the row is gone again: the next time will show
        known.unknown.update(operation_ids)
    elif rest := [each for each in operation_ids if each not in ended]:
        _look(engine, rest, known)
