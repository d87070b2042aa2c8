"""Overrides: lets an operator force a breaker of any service, in every replica or in one, for a limited time."""

import json
import uuid
from typing import Any

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api import openapi
from holdfast.services.api.headers import require_json
from holdfast.services.api.override_body import parse
from holdfast.services.api.override_marks import OverrideMarks
from holdfast.shared.errors import AppError, BreakerNotFound, FleetUnreachable
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.order import Order
from holdfast.shared.http.body import read_body
from holdfast.shared.http.envelope import success
from holdfast.shared.http.keys import OPERATE, require
from holdfast.shared.queue import audit
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_EVERYBODY = "every replica"
_ONLY_US = "this replica only: the board that the others read cannot be reached"


def add_routes(app: FastAPI, board: Board, queue: Redis, marks: OverrideMarks) -> None:
    """Add `POST /circuit-breaker/{service}/{name}/override`. `queue` stores the audit record; `marks` shows overrides
    in Grafana, if it is configured."""

    @app.post("/circuit-breaker/{service}/{name:path}/override", **openapi.OVERRIDE)
    async def override(request: Request, service: str, name: str) -> Response:
        actor = require(request, OPERATE).name
        require_json(request)
        asked = parse(await read_body(request))
        order = Order(uuid.uuid4().hex, service, name, asked.instance, asked.action, actor, asked.reason, asked.for_s)
        on = _imposed_on(board, order)
        replaced = marks.replaced_by(order)
        here = board.member.obey_at_once(order)
        reached_all = await board.give(order)
        if reached_all or here:
            marks.given(order, replaced)
        recorded = await _record(request, queue, order, reached_all)
        if not reached_all and not here:
            raise FleetUnreachable()
        return success(
            request,
            {
                "service": service,
                "name": name,
                "action": order.measure,
                "reason": order.reason,
                "actor": actor,
                "for_s": order.for_s,
                "reach": _EVERYBODY if reached_all else _ONLY_US,
                "imposed_on": on if reached_all else [board.member.instance],
                "audited": recorded,
            },
        )


def _imposed_on(board: Board, order: Order) -> list[str]:
    """Return the known replicas that the order concerns. Raises BreakerNotFound if there is none, or FleetUnreachable
    if the board cannot be reached to find out."""
    known = [
        one["instance"]
        for one in board.breakers()
        if one["name"] == order.breaker and order.concerns(one["service"], one["instance"])
    ]
    if not known:
        raise _nowhere(board, order)
    return known


def _nowhere(board: Board, order: Order) -> AppError:
    if order.service != board.member.service and not board.reachable:
        return FleetUnreachable()
    sought: dict[str, Any] = {"service": order.service, "name": order.breaker, "instance": order.instance}
    return BreakerNotFound(details={field: value and value[:100] for field, value in sought.items()})


async def _record(request: Request, queue: Redis, order: Order, reached_all: bool) -> bool:
    reach = "every replica" if reached_all else "one replica at most"
    target = json.dumps({"service": order.service, "breaker": order.breaker, "instance": order.instance})
    about = {
        "what": "breaker_override",
        "measure": order.measure.value,
        "target": target,
        "actor": order.actor,
        "reason": order.reason,
        "for_s": str(order.for_s),
        "reach": reach,
        "request_id": request.scope["request_id"],
    }
    logs.warning(Action.OVERRIDE_ORDERED, **about)
    return await audit.record(queue, about)
