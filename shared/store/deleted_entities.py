"""Deleted entities: lists which rows became tombstones, and when, by the database's clock, for every process that keeps
copies."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.tables import deleted_entities

#: More time than passes between the statement that writes a row and its commit.
_OVERLAP = timedelta(seconds=10)
_AT_ONCE = 5000
_REAPED_AT_ONCE = 5000

_NOW = sa.select(sa.func.utc_timestamp(6))
_ORDER = (deleted_entities.c.deleted_at, deleted_entities.c.resource, deleted_entities.c.entity_id)
_SINCE = (
    sa.select(deleted_entities.c.resource, deleted_entities.c.entity_id, deleted_entities.c.deleted_at)
    .where(deleted_entities.c.deleted_at >= sa.bindparam("since"))
    .order_by(*_ORDER)
    .limit(_AT_ONCE)
)


class Deleted(NamedTuple):
    """An entity, and when it was deleted. `resource`: the resource's plural name."""

    resource: str
    entity_id: str
    deleted_at: datetime


def now(engine: Engine) -> datetime:
    """Return the time by the database's clock, in UTC."""
    with reading(engine) as connection:
        moment: datetime = connection.execute(_NOW).scalar_one()
    return moment


def deleted_since(engine: Engine, moment: datetime) -> tuple[list[Deleted], datetime]:
    """Return all entities that were deleted since `moment` and some deleted earlier, and the moment from which to ask
    next time."""
    found: list[Deleted] = []
    with reading(engine) as connection:
        until: datetime = connection.execute(_NOW).scalar_one()
        step, since = _SINCE, moment - _OVERLAP
        while rows := [Deleted(*row) for row in connection.execute(step, {"since": since}).all()]:
            found += rows
            if len(rows) < _AT_ONCE:
                break
            since = rows[-1].deleted_at
            step = _SINCE.where(sa.tuple_(*_ORDER) > (since, rows[-1].resource, rows[-1].entity_id))
    return found, until


def forget(engine: Engine, older_s: float) -> int:
    """Remove some of the rows that are older than `older_s` seconds. Return how many."""
    query = sa.text(
        "DELETE FROM deleted_entities WHERE deleted_at < UTC_TIMESTAMP(6) - INTERVAL :older_s SECOND LIMIT :most"
    )
    with transaction(engine) as connection:
        return connection.execute(query, {"older_s": int(older_s), "most": _REAPED_AT_ONCE}).rowcount
