"""External: serves `/external-api`. Calls external_proxy once, within the time that is left, and answers with a copy of
its own if the proxy is down, hangs or fails."""

from math import ceil
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.api import headers, openapi
from holdfast.services.api.shed import spared
from holdfast.shared.cache.last_good import LastGood
from holdfast.shared.errors import AppError, CircuitOpen, DeadlineExceeded, ProxyBusy, ProxyUnavailable, Unexpected
from holdfast.shared.http.client import Answer, CallFailed, HttpClient, Limits, TooManyAtOnce
from holdfast.shared.http.degraded import degraded
from holdfast.shared.http.envelope import PROBLEM_JSON, data_of, is_problem_wanted, route_of
from holdfast.shared.http.propagated import propagated
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.runtime.time_budgets import EXTERNAL_COPY_KEPT_S, REQUEST_TIMEOUT_MAX_S, REQUEST_TIMEOUT_MIN_S
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import note
from holdfast.shared.telemetry.logs import Action

#: The same words as for the database.
_AWAY = "External service temporarily unavailable"

#: The proxy has to answer this many seconds before our own deadline. Once half of them have passed, it is given up.
_MARGIN_S = 0.2
_CONNECT_S = 0.25
#: An answer contains a fallback twice.
_BODY_MAX_BYTES = (2 * 64 + 1) * 1024 * 1024

#: The limits of the call that checks whether the proxy is alive.
_ALIVE = Limits(2 * _CONNECT_S, _CONNECT_S, 65_536)

_PASSED_BACK = ("age", "cache-status", "x-degraded", "cache-control", "retry-after")


class NotWell(Exception):
    """The answer is not the proxy's own: the proxy crashed, or another server answers at its address."""


class External:
    """The hop to external_proxy."""

    def __init__(self, client: HttpClient, breaker: Breaker, last_good: LastGood) -> None:
        self._client = client
        self._breaker = breaker
        self._last_good = last_good

    async def read(self, request: Request) -> Response:
        """Return the proxy's answer, whatever it reports of the third party; else our own copy. Raises AppError if
        there is neither."""
        fresh = headers.wants_fresh(request)
        try:
            answer = await self._ask(request, fresh)
        except AppError as error:
            kept = None if fresh else self._last_good.get(EXTERNAL_COPY_KEPT_S)
            if kept is None:
                raise
            meta = {"fallback": {"used": True, "kind": "last_good", "reason": error.code}}
            data = orjson.Fragment(kept.raw)
            return degraded(request, error, kept.as_of, data, "cached_data", meta, source="last_good")
        document: dict[str, Any] = answer.document
        if document.get("success") and (whole := data_of(answer.raw)) is not None:
            self._last_good.keep(whole, answer.asked_at)
        return _passed_back(request, answer)

    async def _ask(self, request: Request, fresh: bool) -> Answer:
        if (refusal := spared()) is not None:
            raise refusal
        left_s = deadline.remaining_s() - _MARGIN_S
        timeout_ms = int(min(left_s, REQUEST_TIMEOUT_MAX_S) * 1000)
        if timeout_ms < REQUEST_TIMEOUT_MIN_S * 1000:
            raise DeadlineExceeded
        sent = propagated(request) | {"X-Request-Timeout-Ms": str(timeout_ms)}
        if fresh:
            sent["X-Allow-Fallback"] = "false"
        if is_problem_wanted(request):
            sent["Accept"] = PROBLEM_JSON
        try:
            with deadline.scope(timeout_ms / 1000 + _MARGIN_S / 2):
                return await self._breaker.call_async(self._once, sent)
        except CallRefused as refused:
            raise _refusal(refused) from refused
        except TooManyAtOnce as error:
            raise ProxyBusy from error
        except (CallFailed, NotWell) as error:
            raise ProxyUnavailable from error

    async def alive(self) -> None:
        """Check that the proxy is alive. Raises CallFailed or NotWell if it is not."""
        answer = await self._client.call("GET", "/livez", _ALIVE, {})
        if answer.status != 200:
            raise NotWell(f"status {answer.status}")

    async def _once(self, sent: dict[str, str]) -> Answer:
        limits = Limits(deadline.remaining_s(), _CONNECT_S, _BODY_MAX_BYTES)
        answer = await self._client.call("GET", "/external", limits, sent)
        note(Action.PROXY_ANSWERED, status=answer.status, degraded=answer.headers.get("x-degraded"))
        if not _is_ours(answer):
            raise NotWell(f"status {answer.status}")
        return answer


def add_routes(app: FastAPI, external: External) -> None:
    """Add the route `/external-api`."""

    @app.get("/external-api", **openapi.EXTERNAL)
    async def external_api(request: Request) -> Response:
        return await external.read(request)


def _refusal(refused: CallRefused) -> CircuitOpen:
    error = CircuitOpen(_AWAY, retry_after_s=max(1, ceil(refused.retry_after_s)))
    error.dependency = "external_proxy"
    return error


def _is_ours(answer: Answer) -> bool:
    """Return whether the answer is external_proxy's own, and not that of a crash or of another server."""
    match answer.document:
        case {"success": True, "data": _, "meta": {}}:
            return answer.status == 200
        case {"success": False, "error": {"type": str(), "code": str(code)}} | {
            "category": str(),
            "code": str(code),
            "status": int(),
        }:
            return code != Unexpected.code
        case _:
            return False


def _passed_back(request: Request, answer: Answer) -> Response:
    match answer.document:
        case {"error": {"type": kind, "code": code}} | {"category": kind, "code": code}:
            metrics.http_errors.labels(kind, code, route_of(request.scope)).inc()
            request.scope["failed"] = (kind, code, "third_party")
        case _:
            pass
    if "x-degraded" in answer.headers:
        request.scope["degraded"] = True
    passed = {name: answer.headers[name] for name in _PASSED_BACK if name in answer.headers}
    media_type = answer.headers["content-type"]
    return Response(answer.raw, answer.status, passed, media_type)
