"""Shed: turns requests away, before any work is done for them, while there are more than can end in time.

Each lane has its own room: reads and writes depend on different things, and neither may starve the other. A write that
waits for its outcome because the client prefers that does not count as in flight: it leaves the room meanwhile. A read
for which there is no room is answered from a copy, if there is one, without a call to the store behind it.
"""

import random
import time
from contextvars import ContextVar

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.services.api.lanes import Lane, lane_of
from holdfast.services.api.shed_limit import Limit, LimitPolicy
from holdfast.services.api.shed_room import Room
from holdfast.shared.errors import Overloaded
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import decided
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.loop_lag import Lateness

_TOO_LATE_S = 0.1
_LEVEL_MAX = 4

#: The shares of requests that are turned away, by level. Reads are refused before writes, and at least 40 % of both
#: have a chance.
_SHARES = {
    Lane.KEPT: (0.0, 0.0, 0.0, 0.0, 0.0),
    Lane.WRITES: (0.0, 0.0, 0.0, 0.3, 0.6),
    Lane.READS: (0.0, 0.0, 0.3, 0.6, 0.6),
    Lane.REST: (0.0, 1.0, 1.0, 1.0, 1.0),
}


class Lag:
    """How far the event loop falls behind, second by second. Pure."""

    def __init__(self) -> None:
        #: From 0, if the loop keeps up, to `_LEVEL_MAX`.
        self.level = 0
        self._lateness = Lateness()

    @property
    def p90_s(self) -> float:
        """The lateness that decides the level: the 90th percentile of the last second, in seconds."""
        return self._lateness.p90_s

    def sampled(self, late_s: float) -> None:
        """Record that the loop was `late_s` seconds late."""
        if self._lateness.sampled(late_s):
            step = 1 if self._lateness.p90_s > _TOO_LATE_S else -1
            self.level = min(max(self.level + step, 0), _LEVEL_MAX)

    def refused_share(self, lane: Lane) -> float:
        """Return the share of a lane's requests that is to be turned away now."""
        return _SHARES[lane][self.level]


_RETRY_AFTER_S = (1, 2, 3)
_SPARED: ContextVar[Overloaded | None] = ContextVar("spared", default=None)


class Visit:
    """One request's stay in its lane's room."""

    __slots__ = ("_began", "_inside", "_room")

    def __init__(self, room: Room) -> None:
        self._room = room
        self._began = time.monotonic()
        self._inside = True

    def leave(self) -> None:
        """Leave the room: the request is done, or from here on only waits. Further calls change nothing."""
        if self._inside:
            self._inside = False
            self._room.ended(self._began)


class Shed:
    """ASGI middleware. Raises Overloaded, which the edge answers."""

    def __init__(self, app: ASGIApp, lag: Lag, slow_s: float) -> None:
        self._app = app
        self._lag = lag
        self._rooms = {lane: None if lane is Lane.KEPT else _room(lane, slow_s) for lane in Lane}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        lane = scope["lane"] = lane_of(scope["method"], scope["path"])
        room = self._rooms[lane]
        if room is None:
            await self._app(scope, receive, send)
            return
        lag = self._lag
        if lag.level and random.random() < lag.refused_share(lane):  # noqa: S311 - a share, not a secret
            raise _refusal("event_loop_lag", lane, late_ms=round(lag.p90_s * 1000), share=lag.refused_share(lane))
        under_way, limit = room.in_flight, room.limit.value  # on arrival; both may change while it waits for its turn
        if not room.full:
            room.enter()
        elif not await room.turn_came():
            refusal = _refusal("in_flight", lane, in_flight=under_way, limit=limit)
            if lane is not Lane.READS:
                raise refusal
            await self._spare(refusal, scope, receive, send)
            return
        visit = scope["visit"] = Visit(room)
        try:
            await self._app(scope, receive, send)
        finally:
            visit.leave()

    async def _spare(self, refusal: Overloaded, scope: Scope, receive: Receive, send: Send) -> None:
        token = _SPARED.set(refusal)
        try:
            await self._app(scope, receive, send)
        finally:
            _SPARED.reset(token)


def spared() -> Overloaded | None:
    """Return why this request has to be answered without a call to a store, or None if it may make one."""
    return _SPARED.get()


def step_out(request: Request) -> None:
    """Leave the room early: the request has done its work and only waits, so another may take its place."""
    visit: Visit | None = request.scope.get("visit")
    if visit is not None:
        visit.leave()


def _room(lane: Lane, slow_s: float) -> Room:
    limit = Limit(LimitPolicy(slow_s=slow_s), time.monotonic())
    return Room(limit, metrics.inflight_limit.labels(lane.value))


def _refusal(reason: str, lane: Lane, **numbers: float) -> Overloaded:
    metrics.requests_shed.labels(reason, lane.value).inc()
    decided(Action.REQUEST_SHED, reason=reason, lane=lane.value, **numbers)
    wait_s = random.choice(_RETRY_AFTER_S)  # noqa: S311 - so that requests refused together do not return together
    return Overloaded(details={"reason": reason, "lane": lane.value}, retry_after_s=wait_s)
