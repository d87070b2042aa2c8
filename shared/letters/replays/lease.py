"""Lease: makes sure that only one replica drives a replay at a time. Every transaction of the driver checks the lease's
token, so it cannot undo what a successor did. A lease that is not renewed expires, by the database's clock."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from holdfast.shared.letters.index.statements import json
from holdfast.shared.letters.index.tables import items, replays
from holdfast.shared.letters.replays.plan import ACTIVE, WAITING_FOR_A_PERSON, Counts, ItemState, ReplayState
from holdfast.shared.letters.replays.read import Replay, replay_from
from holdfast.shared.store.engine import Engine, reading, transaction

_NOW = sa.func.utc_timestamp(sa.literal_column("6"))
_UNTIL = sa.func.timestampadd(sa.text("MICROSECOND"), sa.bindparam("lease_us"), _NOW)
_OF_LEASE = replays.c.id == sa.bindparam("replay")
_LOCKED = sa.select(replays).where(_OF_LEASE).with_for_update()
_RENEWED = sa.update(replays).where(_OF_LEASE).values(lease_until=_UNTIL)


class LeaseLost(Exception):
    """Another replica drives the replay now, or it needs no driver."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive a replay."""

    replay_id: int
    owner: str
    token: int
    seconds: float


def take(
    engine: Engine, owner: str, seconds: float, *, most: int, predecessor: str = "", senders: bool = True
) -> list[Lease]:
    """Take leases on at most `most` replays without a driver, and return them. `seconds`: until a lease expires.
    `predecessor`: the prefix of owners whose leases are taken over at once, because this replica had those leases
    before its restart; empty: none. `senders`: whether to take replays that have letters to send. Raises a Fault."""
    free, work = _free(predecessor, senders=senders)
    taken = []
    with reading(engine) as connection:
        ids = list(connection.scalars(work, {"most": most}))
        connection.rollback()
        for replay_id in ids:
            claim = sa.update(replays).where(replays.c.id == replay_id, replays.c.state.in_(ACTIVE), free)
            values = {"lease_owner": owner, "lease_until": _UNTIL, "lease_token": replays.c.lease_token + 1}
            if connection.execute(claim.values(values), {"lease_us": _us(seconds)}).rowcount:
                token = sa.select(replays.c.lease_token).where(replays.c.id == replay_id)
                taken.append(Lease(replay_id, owner, connection.execute(token).scalar_one(), seconds))
            connection.commit()
    return taken


def fenced(connection: sa.Connection, lease: Lease) -> Replay:
    """Lock the replay for this transaction, renew the lease, and return the replay. Raises LeaseLost."""
    row = connection.execute(_LOCKED, {"replay": lease.replay_id}).one_or_none()
    if row is None or row.lease_token != lease.token or row.state not in ACTIVE:
        raise LeaseLost
    connection.execute(_RENEWED, {"replay": lease.replay_id, "lease_us": _us(lease.seconds)})
    return replay_from(row)


def release(engine: Engine, lease: Lease) -> None:
    """Release a lease, so that a successor need not wait for its end. Raises a Fault."""
    mine = sa.and_(replays.c.id == lease.replay_id, replays.c.lease_token == lease.token)
    with transaction(engine) as connection:
        connection.execute(sa.update(replays).where(mine).values(lease_until=None))


def keep_counts(connection: sa.Connection, replay: Replay, moved: dict[tuple[ItemState, ItemState], int]) -> Counts:
    """Record how many items changed their state, and return the new counts. `moved`: (state before, state after) -> how
    many items. The caller has locked the replay; `replay.counts` is updated too."""
    for (before, after), count in moved.items():
        replay.counts[before] = replay.counts[before] - count
        replay.counts[after] = replay.counts[after] + count
    counts = json({state: count for state, count in replay.counts.items() if count})
    connection.execute(sa.update(replays).where(replays.c.id == replay.id).values(counts=counts))
    return replay.counts


def _has(*states: ItemState) -> sa.ColumnElement[bool]:
    """Return the condition that a replay has an item in one of these states."""
    return sa.exists().where(items.c.state.in_(states), items.c.replay_id == replays.c.id)


@lru_cache(10)
def _free(predecessor: str, *, senders: bool) -> tuple[sa.ColumnElement[bool], sa.Select[Any]]:
    """Return the condition that a replay has no driver, and the statement that finds such replays. Both are cached,
    because the statement runs all the time."""
    free = sa.or_(replays.c.lease_until.is_(None), replays.c.lease_until < _NOW)
    if predecessor:
        free = sa.or_(free, replays.c.lease_owner.startswith(predecessor, autoescape=True))
    # A replay that only waits for an operator needs no driver, and must not take one from others.
    work = sa.or_(_has(ItemState.SENDING, ItemState.SENT), ~_has(ItemState.WAITING))
    something = sa.or_(replays.c.state.not_in(WAITING_FOR_A_PERSON), work)
    if not senders:
        something &= sa.or_(replays.c.state != ReplayState.RUNNING, ~_has(ItemState.WAITING))
    query = sa.select(replays.c.id).where(replays.c.state.in_(ACTIVE), something, free)
    return free, query.order_by(replays.c.id).limit(sa.bindparam("most", type_=sa.Integer))


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)
