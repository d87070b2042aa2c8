"""Reads: the queries that the api and the ledger send to the database. None of them takes a lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.faults import BadData, Unexplained
from holdfast.shared.store.engine import Engine, reading, rows
from holdfast.shared.store.load import final_from
from holdfast.shared.store.statements import entity_from, statements_of
from holdfast.shared.store.tables import listed_index, operation_totals, operations, table_of
from holdfast.shared.writes import keyed
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Final

_NOW = sa.func.utc_timestamp(6)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the database returns UTC without a time zone
_ENDED = sa.select(operations).where(operations.c.operation_id == sa.bindparam("operation"))


@dataclass(frozen=True, slots=True)
class EndedOperation:
    """An operation that is over, as a client sees it."""

    operation_id: str
    #: The plural name of the entity's resource.
    resource: str
    entity_id: str
    command: str
    version: int
    outcome: Final
    ended_at: datetime
    #: SHA-256 of the request, if it had an Idempotency-Key.
    body_hash: str | None


def entity(engine: Engine, resource: ResourceType, entity_id: str) -> Entity | None:
    """Return the row of one entity, also if it is a shadow or a tombstone, or None. Raises a Fault."""
    found = entities(engine, resource, [entity_id])[entity_id]
    if isinstance(found, Exception):
        raise found
    return found


Found = dict[str, Entity | Exception | None]


def entities(engine: Engine, resource: ResourceType, ids: Sequence[str]) -> Found:
    """Return the rows of many entities by id, in one statement. If one row fails, its value is the error. Raises a
    Fault."""
    try:
        there = _rows(engine, resource, ids)
    except (BadData, Unexplained):
        # A single row may have caused this, so each row is read on its own, which costs no more than separate calls.
        alone = {id: _alone(engine, resource, id) for id in ids} if len(ids) > 1 else {}
        if all(isinstance(each, Exception) for each in alone.values()):
            raise
        return alone
    found: Found = dict.fromkeys(ids)
    for row in there:
        try:
            found[row[0]] = entity_from(resource, row)
        except Exception as error:  # noqa: BLE001 - raised for the callers that asked for this row
            found[row[0]] = error
    return found


def _alone(engine: Engine, resource: ResourceType, id: str) -> Entity | Exception | None:
    try:
        return entity(engine, resource, id)
    except (BadData, Unexplained) as fault:
        return fault


def _rows(engine: Engine, resource: ResourceType, ids: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    query = statements_of(resource).select.format(", ".join(["%s"] * len(ids)))
    with reading(engine) as connection:
        return rows(connection, query, tuple(ids))


class Read(NamedTuple):
    """Entities, and when their read began: microseconds since the epoch by the database's clock."""

    entities: list[Entity]
    began_us: int


def page(engine: Engine, resource: ResourceType, after: int, limit: int) -> Read:
    """Return at most `limit` visible entities that were created later than version `after`, in the order of creation.
    No other rows are read, however many tombstones lie between them."""
    table = table_of(resource)
    created = table.c.created_version
    # The index is forced, because statistics lag behind, and any other index means reading and sorting the table.
    query = _visible(resource).with_hint(table, f"FORCE INDEX ({listed_index(resource)})")
    return _read(engine, resource, query.where(created > after).order_by(created).limit(limit))


def by_unique_value(engine: Engine, resource: ResourceType, field: Field, key: str) -> Read:
    """Return the visible entity that has this value of a unique field, or no entity."""
    return _read(engine, resource, _visible(resource).where(table_of(resource).c[f"{field.name}_key"] == key))


def _visible(resource: ResourceType) -> sa.Select[Any]:
    table = table_of(resource).c
    query = sa.select(_NOW, *statements_of(resource).columns)
    return query.where(table.created_version > 0, table.deleted_version == 0)


def _read(engine: Engine, resource: ResourceType, query: sa.Select[Any]) -> Read:
    with reading(engine) as connection:
        rows = connection.execute(query).all()
        if rows:
            return Read([entity_from(resource, row[1:]) for row in rows], _us(rows[0][0]))
    # Without a row there is no time. So the time is read first, and then the rows once more.
    with reading(engine) as connection:
        began = connection.execute(sa.select(_NOW)).scalar_one()
        return Read([entity_from(resource, row[1:]) for row in connection.execute(query).all()], _us(began))


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def ended_operation(engine: Engine, operation_id: str) -> EndedOperation | None:
    """Return the operation if it is over, else None."""
    with reading(engine) as connection:
        row = connection.execute(_ENDED, {"operation": operation_id}).one_or_none()
    if row is None:
        return None
    return _ended(row)


def _ended(row: sa.Row[Any]) -> EndedOperation:
    outcome = final_from(row.effect, row.entity_version, row.rejection)
    return EndedOperation(
        row.operation_id, row.resource, row.entity_id, row.command, row.version, outcome, row.ended_at, row.body_hash
    )


def first_of_key(engine: Engine, operation_id: str) -> EndedOperation | None:
    """Return the oldest ended operation with the same Idempotency-Key as this operation, or None."""
    low, high = keyed.bounds(keyed.key_part(operation_id) or operation_id)
    query = sa.select(operations).where(operations.c.operation_id.between(low, high))
    with reading(engine) as connection:
        row = connection.execute(query.order_by(operations.c.version).limit(1)).one_or_none()
    return _ended(row) if row else None


def horizon(engine: Engine) -> int:
    """Return the horizon: operations older than this version are not kept."""
    query = sa.select(operation_totals.c.purged_to)
    with reading(engine) as connection:
        return connection.execute(query).scalar_one_or_none() or 0


def newest_version(engine: Engine) -> int:
    """Return the newest version of all ended operations and all entities, or 0 if there are none. Each table's newest
    version is read off the end of an index."""
    queries = [sa.select(sa.func.max(operations.c.version))]
    for resource in domain().resources:
        table = table_of(resource).c
        queries.append(sa.select(sa.func.max(table.deleted_version)))
        queries.append(sa.select(sa.func.max(table.created_version)).where(table.deleted_version == 0))
    with reading(engine) as connection:
        return max(connection.execute(query).scalar_one() or 0 for query in queries)
