"""The edge: outermost of everything. Gives the request its id and its deadline, counts and times it, and turns an
exception nobody named, or a deadline nobody kept, into an answer; the server goes on.

Plain ASGI, because one `BaseHTTPMiddleware` would cost two thirds of the throughput.
"""

import asyncio
import re
import time
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.shared.errors import (
    AnswerOverdue,
    AppError,
    DeadlineExceeded,
    InvalidTimeout,
    RequestTooSlow,
    Unexpected,
)
from holdfast.shared.http.browser import for_a_browser
from holdfast.shared.http.cors import Cors
from holdfast.shared.http.envelope import failure, route_of
from holdfast.shared.http.explain.explanations import Explanations
from holdfast.shared.http.open_paths import SAFE_METHODS
from holdfast.shared.http.outcome import RequestOutcome, outcome_of
from holdfast.shared.http.request_id import new, sane
from holdfast.shared.resilience import deadline
from holdfast.shared.runtime.time_budgets import REQUEST_TIMEOUT_MAX_S, REQUEST_TIMEOUT_MIN_S
from holdfast.shared.telemetry import decisions, logs, metrics
from holdfast.shared.telemetry.decisions import Notes, decided
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans

_WAIT = re.compile(rb"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\"?(?:$|[,;\s])", re.IGNORECASE)
_TIMEOUT_MS = range(round(REQUEST_TIMEOUT_MIN_S * 1000), round(REQUEST_TIMEOUT_MAX_S * 1000) + 1)
#: Errors, and so any answer, have a form that the caller chooses.
_VARY = (b"vary", b"Accept")
_NO_ORIGINS = Cors(frozenset())


class Asked(NamedTuple):
    """What the edge needs of the headers."""

    request_id: bytes
    #: `X-Request-Timeout-Ms`, as it was sent.
    timeout_ms: bytes | None
    #: Seconds that the caller prefers to wait, `Prefer: wait=N`.
    wait_s: int
    #: `X-Explain` is there: keep why it was answered as it was, also if all is well.
    explain: bool


class Edge:
    """ASGI middleware. `timeout_s`: longest time to an answer; `wait_max_s`: what a write's preference to wait may add
    to it."""

    def __init__(
        self,
        app: ASGIApp,
        timeout_s: float,
        explanations: Explanations | None = None,
        *,
        wait_max_s: float = 0,
        cors: Cors = _NO_ORIGINS,
    ) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self._wait_max_s = wait_max_s
        self._cors = cors
        self._explanations = explanations
        self._in_flight = 0
        metrics.http_requests_in_flight.set_function(lambda: self._in_flight)
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[tuple[str, RequestOutcome], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        asked = _asked(scope)
        scope["request_id"] = asked.request_id.decode()
        if asked.explain:
            scope["explain"] = True
        notes = Notes(scope["request_id"], kept=self._explanations is not None)
        noting = decisions.begin(notes)
        #: What every answer carries, whoever makes it; whoever knows more adds it.
        answer_headers = scope["answer_headers"] = [
            (b"x-request-id", asked.request_id),
            _VARY,
            *self._cors.of_an_answer(scope["headers"]),
        ]
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A list of our own: the one in the message may belong to a response that is sent more than once.
                given = [*message.get("headers", ()), *answer_headers]
                message = {**message, "headers": given + for_a_browser(given)}
            await send(message)

        self._in_flight += 1
        try:
            await self._in_time(asked, scope, receive, send_with_id)
        except ClientDisconnect:
            pass  # nobody is left to be answered
        except Exception as error:
            if not isinstance(error, AppError):
                metrics.panics.inc()
                logs.error(Action.PANIC_RECOVERED, exc=error, request_id=scope["request_id"], route=route_of(scope))
            if status:
                raise  # half an answer is out: the server closes the connection
            told = error if isinstance(error, AppError) else Unexpected()
            await failure(told, Request(scope))(scope, receive, send_with_id)
        finally:
            self._in_flight -= 1
            outcome = scope["outcome"] = outcome_of(status, degraded="degraded" in scope)
            route, took_s = route_of(scope), time.perf_counter() - began
            self._measure(route, "HEAD" if "head" in scope else scope["method"], status, outcome, took_s)
            decisions.end(noting)
            if self._explanations is not None:
                self._explanations.ended(scope, notes, route, status, outcome, took_s)

    async def _in_time(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises RequestTooSlow while a body is not here, DeadlineExceeded, or AnswerOverdue where something may have
        been done."""
        seconds = self._timeout_s
        if asked.wait_s and scope["method"] not in SAFE_METHODS:  # only a write has an end to wait for
            seconds += min(asked.wait_s, self._wait_max_s)
        if asked.timeout_ms is not None:
            seconds = min(seconds, _timeout_s(asked.timeout_ms))
        scope["time_limit_s"] = seconds
        try:
            with deadline.scope(seconds):
                async with asyncio.timeout(seconds) as limit:
                    scope["time_limit"] = limit  # whoever answers at length moves it on with every part
                    await self._app(scope, receive, send)
        except TimeoutError:
            if not limit.expired():
                raise
            decided(Action.DEADLINE_EXCEEDED, route=route_of(scope), limit_ms=round(seconds * 1000))
            if "body_due" in scope:  # handlers read it before they do anything
                raise RequestTooSlow() from None
            if scope["method"] in SAFE_METHODS:
                raise DeadlineExceeded() from None
            raise AnswerOverdue(details=scope.get("overdue_details")) from None

    def _measure(self, route: str, method: str, status: int, outcome: RequestOutcome, seconds: float) -> None:
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = metrics.http_requests.labels(route, _known(method), str(status or 499))
        counter.inc()
        timer = self._timers.get((route, outcome))
        if timer is None:
            for each in RequestOutcome:  # all at once: the first of a kind would be missing from its rate
                self._timers[route, each] = metrics.http_request_duration.labels(route, each.value)
            timer = self._timers[route, outcome]
        timer.observe(seconds, spans.exemplar())


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def _known(method: str) -> str:
    return method if method in _METHODS else "other"


def _asked(scope: Scope) -> Asked:
    """`X-Request-ID` is the caller's when it is sane, else a new one."""
    request_id = timeout_ms = None
    wait_s = 0
    explain = False
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = sane(value)
        elif name == b"x-request-timeout-ms":
            timeout_ms = value
        elif name == b"prefer" and (found := _WAIT.search(value)):
            wait_s = int(found[1])
        elif name == b"x-explain":
            explain = True
    return Asked(request_id or new(), timeout_ms, wait_s, explain)


def _timeout_s(raw: bytes) -> float:
    """Raises InvalidRequest."""
    if raw.isdigit() and len(raw) <= 5 and int(raw) in _TIMEOUT_MS:
        return int(raw) / 1000
    raise InvalidTimeout(
        details={
            "field": "X-Request-Timeout-Ms",
            "value": raw[:20].decode("latin-1"),
            "constraint": f"a whole number of ms from {_TIMEOUT_MS.start} to {_TIMEOUT_MS.stop - 1}",
        },
    )
