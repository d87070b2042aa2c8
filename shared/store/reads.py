"""Reads: what the api and the ledger ask the database. None of them locks anything."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from holdfast.shared.store.apply import faults, final_from, user_from
from holdfast.shared.store.engine import Engine
from holdfast.shared.store.tables import operation_totals, operations, users
from holdfast.shared.writes import keyed
from holdfast.shared.writes.merge import User
from holdfast.shared.writes.outcome import Final

_NOW = sa.func.utc_timestamp(6)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - as the database gives it: UTC without saying so
_VISIBLE = sa.and_(users.c.created_version > 0, users.c.deleted_version == 0)


@dataclass(frozen=True, slots=True)
class EndedOperation:
    """An operation that is over, as a reader sees it."""

    operation_id: str
    user_id: str
    command: str
    version: int
    outcome: Final
    ended_at: datetime
    #: Of the request, if it came with an Idempotency-Key.
    body_hash: str | None


def user(engine: Engine, user_id: str) -> User | None:
    """The row of one user, shadows and tombstones included."""
    with faults(), engine.connect() as connection:
        row = connection.execute(sa.select(users).where(users.c.id == user_id)).one_or_none()
    return user_from(row) if row else None


class Read(NamedTuple):
    """Users, and when the read of them began: microseconds by the database's clock."""

    users: list[User]
    began_us: int


def page_of_users(engine: Engine, after: int, limit: int) -> Read:
    """At most `limit` users in the order of their creation, created later than version `after`."""
    query = sa.select(_NOW, users).where(_VISIBLE, users.c.created_version > after)
    return _read(engine, query.order_by(users.c.created_version).limit(limit))


def users_by_email(engine: Engine, email_key: str) -> Read:
    """The visible user who has this address, or nobody."""
    return _read(engine, sa.select(_NOW, users).where(_VISIBLE, users.c.email_key == email_key))


def _read(engine: Engine, query: sa.Select[Any]) -> Read:
    with faults(), engine.connect() as connection:
        rows = connection.execute(query).all()
        if rows:
            return Read([User(*row[1:]) for row in rows], _us(rows[0][0]))
    # Nobody: no row to say when. So first when, and then who.
    with faults(), engine.connect() as connection:
        began = connection.execute(sa.select(_NOW)).scalar_one()
        return Read([User(*row[1:]) for row in connection.execute(query).all()], _us(began))


def _us(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def ended_operation(engine: Engine, operation_id: str) -> EndedOperation | None:
    """The operation, if it is over."""
    query = sa.select(operations).where(operations.c.operation_id == operation_id)
    with faults(), engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return _ended(row)


def _ended(row: sa.Row[Any]) -> EndedOperation:
    outcome = final_from(row.effect, row.user_version, row.rejection)
    return EndedOperation(row.operation_id, row.user_id, row.command, row.version, outcome, row.ended_at, row.body_hash)


def first_of_key(engine: Engine, operation_id: str) -> EndedOperation | None:
    """The oldest operation, if one is over, that came with the same Idempotency-Key as this one."""
    low, high = keyed.bounds(keyed.key_part(operation_id) or operation_id)
    query = sa.select(operations).where(operations.c.operation_id.between(low, high))
    with faults(), engine.connect() as connection:
        row = connection.execute(query.order_by(operations.c.version).limit(1)).one_or_none()
    return _ended(row) if row else None


def horizon(engine: Engine) -> int:
    """Operations older than this version are not kept."""
    query = sa.select(operation_totals.c.purged_to)
    with faults(), engine.connect() as connection:
        return connection.execute(query).scalar_one_or_none() or 0


def newest_version(engine: Engine) -> int:
    """Of all operations that are over and all users; 0: there are none. Each is read off the end of an index."""
    columns = (operations.c.version, users.c.created_version)
    with faults(), engine.connect() as connection:
        found = [connection.execute(sa.select(sa.func.max(column))).scalar_one() for column in columns]
    return max(version or 0 for version in found)
