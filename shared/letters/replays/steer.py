"""Steer: carries out an operator's orders to a replay. Each order is recorded in the audit in the same transaction."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from holdfast.shared.errors import ReplayNotFound, ReplayNotNow, SecondPersonNeeded
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.index.statements import json, moment, now
from holdfast.shared.letters.index.tables import replays
from holdfast.shared.letters.replays.plan import WAITING_FOR_A_PERSON, ReplayState
from holdfast.shared.letters.replays.read import Replay, replay_from
from holdfast.shared.store.engine import Engine, transaction

_S = ReplayState


@dataclass(frozen=True, slots=True)
class Order:
    """An order: the states in which it is allowed, and the state that it leads to."""

    action: AuditAction
    since: Collection[ReplayState]
    to: ReplayState


ORDERS = {
    "pause": Order(AuditAction.PAUSE, {_S.RUNNING}, _S.PAUSED),
    "resume": Order(AuditAction.RESUME, {_S.PAUSED, _S.STOPPED}, _S.RUNNING),
    "approve": Order(AuditAction.APPROVE, {_S.AWAITING_APPROVAL}, _S.RUNNING),
    "cancel": Order(AuditAction.CANCEL, {_S.AWAITING_APPROVAL, _S.RUNNING, _S.PAUSED, _S.STOPPED}, _S.CANCELLING),
    "recall": Order(AuditAction.RECALL, {_S.RUNNING, _S.PAUSED, _S.STOPPED, _S.CANCELLING}, _S.RECALLING),
}


def steer(engine: Engine, replay_id: int, order: str, actor: Actor, *, dry_run: bool) -> Replay:
    """Carry out an order, and return the replay as it was before. `order`: a key of ORDERS; `dry_run`: write nothing.
    Raises ReplayNotFound, ReplayNotNow, SecondPersonNeeded, or a Fault."""
    meant = ORDERS[order]
    with transaction(engine) as connection:
        query = sa.select(replays).where(replays.c.id == replay_id).with_for_update()
        row = connection.execute(query).one_or_none()
        if row is None:
            raise ReplayNotFound(details={"id": replay_id})
        replay = replay_from(row)
        if replay.state not in meant.since:
            raise ReplayNotNow(details={"state": replay.state})
        if meant.action is AuditAction.APPROVE and replay.created_by == actor.name:
            raise SecondPersonNeeded()
        if dry_run:
            return replay
        values = _values(replay, meant, actor)
        connection.execute(sa.update(replays).where(replays.c.id == replay_id).values(values))
        details = {"replay": replay_id, "from": replay.state}
        record(connection, actor, meant.action, letters=replay.counts.unfinished, details=details)
        return replay


def lapse(engine: Engine, before: datetime) -> list[int]:
    """Cancel the replays that have waited for a person since before that moment. Return their ids. Raises a Fault."""
    with transaction(engine) as connection:
        query = sa.select(replays).where(replays.c.state.in_(WAITING_FOR_A_PERSON), replays.c.state_at < moment(before))
        found = [replay_from(row) for row in connection.execute(query.order_by(replays.c.id).with_for_update())]
        actor = Actor("retention", "system", f"waiting for a person since before {before.isoformat()}", "")
        for replay in found:
            values = _values(replay, ORDERS["cancel"], actor)
            connection.execute(sa.update(replays).where(replays.c.id == replay.id).values(values))
            details = {"replay": replay.id, "from": replay.state}
            record(connection, actor, AuditAction.CANCEL, letters=replay.counts.unfinished, details=details)
        return [replay.id for replay in found]


def _values(replay: Replay, order: Order, actor: Actor) -> dict[str, Any]:
    at = now()
    values = {"state": order.to, "state_at": at, "state_reason": f"{order.action} by {actor.name}"}
    more: dict[AuditAction, Callable[[], dict[str, Any]]] = {
        AuditAction.APPROVE: lambda: {"approved_by": actor.name, "approved_at": at, "started_at": at},
        AuditAction.RESUME: lambda: {"base": json(replay.counts)},
    }
    return values | more.get(order.action, dict)()
