"""Breakers: the breakers of every replica, and operators' orders to them."""

import json
import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BeforeValidator, ConfigDict
from redis.asyncio import Redis

from holdfast.services.dlq_admin.responses import ResponseModel
from holdfast.shared.errors import BreakerNotFound, FleetUnreachable
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.order import Measure, Order
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.queue import audit
from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action


def _reported(moment: object) -> str | None:
    """Return the moment as text. This process's own breakers report datetimes; other replicas report text, in the
    format of their build."""
    return precise(moment) if isinstance(moment, datetime) else None if moment is None else str(moment)


_Reported = Annotated[str | None, BeforeValidator(_reported)]


class BreakerSummary(ResponseModel):
    """A breaker of a replica, as the replica reports it. `refusal`: the dependency's error, if the dependency answers
    but refuses."""

    model_config = ConfigDict(extra="allow")

    service: str
    instance: str
    name: str
    state: str
    since: _Reported = None
    next_probe_at: _Reported = None
    refusal: _Reported = None


class Breakers:
    """Lists breakers and orders overrides. Orders are recorded in `queue`, because a breaker may be open for the
    database."""

    def __init__(self, board: Board, queue: Redis) -> None:
        self._board = board
        self._queue = queue

    def all(self) -> list[BreakerSummary] | None:
        """Return all breakers, those that are not closed first, then by name. Return None if the board was not read
        lately."""
        if not self._board.reachable:
            return None
        found = [BreakerSummary.model_validate(one) for one in self._board.breakers()]
        return sorted(found, key=lambda one: (one.state == "closed", one.service, one.name, one.instance))

    async def order(self, service: str, name: str, measure: Measure, who: Actor, for_s: float) -> None:
        """Order an override of a breaker in every replica of the service. Replicas read the order within about a
        second. Raises BreakerNotFound, FleetUnreachable."""
        known = self.all()
        if known is not None and not any((one.service, one.name) == (service, name) for one in known):
            raise BreakerNotFound(details={"service": service[:100], "name": name[:100]})
        order = Order(uuid.uuid4().hex, service, name, None, measure, who.name, who.reason, for_s)
        if known is None or not await self._board.give(order):
            raise FleetUnreachable()
        about = {
            "what": "breaker_override",
            "measure": measure.value,
            "actor": who.name,
            "reason": who.reason,
            "target": json.dumps({"service": service, "breaker": name, "instance": None}),
            "for_s": str(for_s),
            "reach": "every replica",
            "request_id": who.request_id,
        }
        logs.warning(Action.OVERRIDE_ORDERED, **about)
        await audit.record(self._queue, about)
