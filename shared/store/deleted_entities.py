"""Deleted entities: which rows became tombstones, by the database's clock, for every process that keeps copies."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.engine import Engine, reading, transaction
from holdfast.shared.store.tables import deleted_entities

#: More than passes between the statement that writes a row and its commit.
_OVERLAP = timedelta(seconds=10)
_AT_ONCE = 5000
_REAPED_AT_ONCE = 5000


class Deleted(NamedTuple):
    """An entity, and when. `resource`: its plural name."""

    resource: str
    entity_id: str
    deleted_at: datetime


def now(engine: Engine) -> datetime:
    """By the database's clock, in UTC."""
    with reading(engine) as connection:
        moment: datetime = connection.execute(sa.select(sa.func.utc_timestamp(6))).scalar_one()
    return moment


def deleted_since(engine: Engine, moment: datetime) -> tuple[list[Deleted], datetime]:
    """All that was deleted since `moment`, and some of before that; and the moment to ask from the next time."""
    table = deleted_entities.c
    order = (table.deleted_at, table.resource, table.entity_id)
    query = sa.select(table.resource, table.entity_id, table.deleted_at).order_by(*order).limit(_AT_ONCE)
    found: list[Deleted] = []
    with reading(engine) as connection:
        until: datetime = connection.execute(sa.select(sa.func.utc_timestamp(6))).scalar_one()
        step = query.where(table.deleted_at >= moment - _OVERLAP)
        while rows := [Deleted(*row) for row in connection.execute(step).all()]:
            found += rows
            if len(rows) < _AT_ONCE:
                break
            last = (rows[-1].deleted_at, rows[-1].resource, rows[-1].entity_id)
            step = query.where(table.deleted_at >= rows[-1].deleted_at, sa.tuple_(*order) > last)
    return found, until


def forget(engine: Engine, older_s: float) -> int:
    """Remove some of what happened more than `older_s` ago; returns how many rows."""
    query = sa.text(
        "DELETE FROM deleted_entities WHERE deleted_at < UTC_TIMESTAMP(6) - INTERVAL :older_s SECOND LIMIT :most"
    )
    with transaction(engine) as connection:
        return connection.execute(query, {"older_s": int(older_s), "most": _REAPED_AT_ONCE}).rowcount
