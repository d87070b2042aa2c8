"""Edge: the outermost middleware. Gives a request its id and its deadline, counts and times it, and answers if the
application raised an exception or missed the deadline.

Plain ASGI, because one `BaseHTTPMiddleware` would cost two thirds of the throughput.
"""

import re
import time
from collections.abc import Iterable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.shared.errors import AnswerOverdue, DeadlineExceeded, MethodNotAllowed, NoSuchPath, RequestTooSlow
from holdfast.shared.http.answers import error_of
from holdfast.shared.http.asked import Asked, asked, flag, timeout_s
from holdfast.shared.http.browser import for_a_browser
from holdfast.shared.http.cors import Cors
from holdfast.shared.http.envelope import UNMATCHED, failure, route_of
from holdfast.shared.http.explain.explanations import Explanations
from holdfast.shared.http.failures.table import FailureTable
from holdfast.shared.http.methods import allowed
from holdfast.shared.http.open_paths import SAFE_METHODS
from holdfast.shared.http.outcome import RequestOutcome, outcome_of
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.time_limits import TimeLimits
from holdfast.shared.telemetry import decisions, metrics
from holdfast.shared.telemetry.decisions import Notes, decided
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.metric_kinds import Tally
from holdfast.shared.telemetry.tracing import spans

#: The caller chooses between two forms of an error, so every answer varies with `Accept`.
_VARY = (b"vary", b"Accept")
_NO_ORIGINS = Cors(frozenset())
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


#: An encoded separator or NUL is refused, because a proxy that filters by path does not recognise it.
_NO_SEPARATOR = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)


def count_from_zero(routes: Iterable[BaseRoute]) -> None:
    """Create the durations of the documented routes for every outcome. `increase()` does not see a counter that begins
    at 1, and the first request of a route may come during an outage."""
    for route in routes:
        if isinstance(route, Route) and route.include_in_schema:
            for outcome in RequestOutcome:
                metrics.http_request_duration.tally(route.path, outcome.value)


class Edge:
    """ASGI middleware. `timeout_s`: the time limit of an answer; `wait_max_s`: the most that a write's `Prefer: wait`
    may add to that limit."""

    def __init__(
        self,
        app: ASGIApp,
        timeout_s: float,
        explanations: Explanations | None = None,
        *,
        wait_max_s: float = 0,
        cors: Cors = _NO_ORIGINS,
        failures: FailureTable | None = None,
    ) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self._wait_max_s = wait_max_s
        self._cors = cors
        self._explanations = explanations
        self._failures = failures
        self._limits = TimeLimits()
        self._in_flight = 0
        metrics.http_requests_in_flight.set_function(lambda: self._in_flight)
        self._counters: dict[tuple[str, str, int], Any] = {}
        self._timers: dict[tuple[str, RequestOutcome], Tally] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        wanted = asked(scope)
        scope["request_id"] = wanted.request_id.decode()
        notes = Notes(scope["request_id"], kept=self._explanations is not None)
        noting = decisions.begin(notes)
        #: Sent with every answer. Inner middleware may add headers.
        answer_headers = scope["answer_headers"] = [
            (b"x-request-id", wanted.request_id),
            _VARY,
            *self._cors.of_an_answer(scope["headers"]),
        ]
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # From here on only the client's reading takes time, which the protocol limits.
                if "time_limit" in scope:
                    scope["time_limit"].over()
                if "visit" in scope:
                    scope["visit"].leave()
                # A new list, because the message's own list may belong to a response that is sent more than once.
                headers = [*message.get("headers", ()), *answer_headers]
                message = {**message, "headers": headers + for_a_browser(headers)}
            await send(message)

        self._in_flight += 1
        try:
            await self._in_time(wanted, scope, receive, send_with_headers)
        except ClientDisconnect:
            pass  # there is no client to answer
        except Exception as error:
            answer = error_of(error, scope)
            if status:
                raise  # part of an answer was sent: the server closes the connection
            headers = {"Allow": ", ".join(allowed(scope))} if isinstance(answer, MethodNotAllowed) else None
            await failure(answer, Request(scope), headers)(scope, receive, send_with_headers)
        finally:
            self._in_flight -= 1
            decisions.end(noting)
            self._ended(scope, notes, status, time.perf_counter() - began)

    async def _in_time(self, wanted: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application within the request's time limit.

        Raises NoSuchPath for a path with an encoded separator, InvalidRequest for an invalid header, RequestTooSlow if
        the body has not arrived, DeadlineExceeded, or AnswerOverdue if the request may have taken effect.
        """
        raw_path: bytes = scope.get("raw_path") or b""
        if b"%" in raw_path and _NO_SEPARATOR.search(raw_path):
            scope["route"] = None
            raise NoSuchPath(details={"path": raw_path[:200].decode("latin-1")})
        if wanted.explain is not None and flag("X-Explain", wanted.explain):
            scope["explain"] = True
        if wanted.allow_fallback is not None and not flag("X-Allow-Fallback", wanted.allow_fallback):
            scope["no_copies"] = True
        seconds = self._timeout_s
        if wanted.wait_s and scope["method"] not in SAFE_METHODS:  # only a write has an outcome to wait for
            scope["asked_to_wait"] = True
            seconds += min(wanted.wait_s, self._wait_max_s)
        if wanted.timeout_ms is not None:
            seconds = min(seconds, timeout_s(wanted.timeout_ms))
        scope["time_limit_s"] = seconds
        try:
            with deadline.scope(seconds), self._limits.within(seconds) as limit:
                scope["time_limit"] = limit  # a handler that streams its answer moves the limit with every part
                await self._app(scope, receive, send)
        except TimeoutError:
            if not limit.expired:
                raise
            decided(Action.DEADLINE_EXCEEDED, route=route_of(scope), limit_ms=round(seconds * 1000))
            if "body_due" in scope:  # handlers read the body before they act
                raise RequestTooSlow() from None
            if scope["method"] in SAFE_METHODS:
                raise DeadlineExceeded() from None
            raise AnswerOverdue(details=scope.get("overdue_details")) from None

    def _ended(self, scope: Scope, notes: Notes, status: int, took_s: float) -> None:
        outcome = scope["outcome"] = outcome_of(status, degraded="degraded" in scope)
        route = route_of(scope)
        # A good answer that no handler gave, such as a 401, is not a sign of health.
        measured = UNMATCHED if "route" not in scope and outcome is RequestOutcome.GOOD else route
        self._measure(measured, "HEAD" if "head" in scope else scope["method"], status, outcome, took_s)
        if self._failures is not None:
            self._failures.ended(scope, route, status, outcome, took_s)
        if self._explanations is not None:
            self._explanations.ended(scope, notes, route, status, outcome, took_s)

    def _measure(self, route: str, method: str, status: int, outcome: RequestOutcome, seconds: float) -> None:
        key = (route, method, status)
        counter = self._counters.get(key)
        if counter is None:
            known = method if method in _METHODS else "other"
            counter = self._counters[key] = metrics.http_requests.labels(route, known, str(status or 499))
        counter.inc()
        timer = self._timers.get((route, outcome))
        if timer is None:
            for each in RequestOutcome:  # all at once, or an outcome's first request would be missing from its rate
                self._timers[route, each] = metrics.http_request_duration.tally(route, each.value)
            timer = self._timers[route, outcome]
        exemplar = spans.exemplar()
        if exemplar is None:
            timer.add(seconds)
        else:
            metrics.http_request_duration.labels(route, outcome.value).observe(seconds, exemplar)
