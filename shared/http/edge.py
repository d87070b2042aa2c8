"""The edge: outermost of everything. Gives the request its id, counts and times it, and turns an exception nobody
named into an answer; the server goes on.

Plain ASGI, because one `BaseHTTPMiddleware` would cost two thirds of the throughput.
"""

import re
import time
from typing import Any

import uuid_utils
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import logs, metrics
from shared.errors import Unexpected
from shared.http.envelope import failure, route_of
from shared.logs import Action

_SANE_ID = re.compile(rb"^[A-Za-z0-9._-]{8,128}$")


class Edge:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[str, Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        scope["request_id"] = request_id.decode()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception as error:
            metrics.panics.inc()
            logs.error(Action.PANIC_RECOVERED, exc=error, request_id=scope["request_id"], route=route_of(scope))
            if status:
                raise  # half an answer is out: the server closes the connection
            await failure(Unexpected(), Request(scope))(scope, receive, send_with_id)
        finally:
            self._measure(route_of(scope), scope["method"], status, time.perf_counter() - began)

    def _measure(self, route: str, method: str, status: int, seconds: float) -> None:
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = metrics.http_requests.labels(route, _known(method), str(status or 499))
        counter.inc()
        timer = self._timers.get(route)
        if timer is None:
            timer = self._timers[route] = metrics.http_request_duration.labels(route)
        timer.observe(seconds)


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _known(method: str) -> str:
    return method if method in _METHODS else "other"


def _request_id(scope: Scope) -> bytes:
    """The caller's `X-Request-ID` when it is sane, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.match(value):
            return bytes(value)
    return b"req_" + uuid_utils.uuid7().hex.encode()
