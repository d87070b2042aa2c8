"""Deleted users: which rows became tombstones, by the database's clock, for whoever keeps copies of users."""

from datetime import datetime, timedelta
from typing import NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.apply import faults
from holdfast.shared.store.engine import Engine
from holdfast.shared.store.tables import deleted_users

#: More than passes between the statement that writes a row and its commit.
_OVERLAP = timedelta(seconds=10)
_AT_ONCE = 5000
_REAPED_AT_ONCE = 5000


class Deleted(NamedTuple):
    """A user, and when."""

    user_id: str
    deleted_at: datetime


def now(engine: Engine) -> datetime:
    """By the database's clock, in UTC."""
    with faults(), engine.connect() as connection:
        moment: datetime = connection.execute(sa.select(sa.func.utc_timestamp(6))).scalar_one()
    return moment


def deleted_since(engine: Engine, moment: datetime) -> tuple[list[Deleted], datetime]:
    """Everybody who was deleted since `moment`, and some of before that; and the moment to ask from the next time."""
    table = deleted_users.c
    place = sa.tuple_(table.deleted_at, table.user_id)
    query = sa.select(table.user_id, table.deleted_at).order_by(table.deleted_at, table.user_id).limit(_AT_ONCE)
    found: list[Deleted] = []
    with faults(), engine.connect() as connection:
        until: datetime = connection.execute(sa.select(sa.func.utc_timestamp(6))).scalar_one()
        step = query.where(table.deleted_at >= moment - _OVERLAP)
        while rows := [Deleted(*row) for row in connection.execute(step).all()]:
            found += rows
            if len(rows) < _AT_ONCE:
                break
            step = query.where(table.deleted_at >= rows[-1].deleted_at, place > (rows[-1].deleted_at, rows[-1].user_id))
    return found, until


def forget(engine: Engine, older_s: float) -> int:
    """Take away some of what happened more than `older_s` ago; returns how many rows."""
    query = sa.text(
        "DELETE FROM deleted_users WHERE deleted_at < UTC_TIMESTAMP(6) - INTERVAL :older_s SECOND LIMIT :most"
    )
    with faults(), engine.begin() as connection:
        return connection.execute(query, {"older_s": int(older_s), "most": _REAPED_AT_ONCE}).rowcount
