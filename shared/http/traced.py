"""Traced: a span for each request, around the edge, so that the edge's own answers are traced too. Installed only if
traces are collected."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.shared.http.envelope import route_of
from holdfast.shared.http.open_paths import OPEN_PATHS
from holdfast.shared.http.propagated import trace_of
from holdfast.shared.telemetry.tracing.spans import Kind, Span, span


class Traced:
    """ASGI middleware. Continues the caller's trace; a malformed `traceparent` is ignored."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Trace one request. Health checks, metrics and documents are not traced."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        about = {"http.request.method": scope["method"], "url.scheme": scope["scheme"]}
        with span(scope["method"], Kind.SERVER, about, parent=trace_of(scope)) as current:
            try:
                await self._app(scope, receive, send_and_note)
            finally:
                if current is not None and current.taken:
                    _end(current, scope, status)


def _end(current: Span, scope: Scope, status: int) -> None:
    route = route_of(scope)
    current.rename(f"{scope['method']} {route}")
    outcome = scope.get("outcome")
    current.note(
        {
            "http.route": route,
            "http.response.status_code": status,
            "holdfast.request_id": scope.get("request_id", ""),
            "holdfast.outcome": outcome.value if outcome else "",
        }
    )
    if status >= 500:
        current.failed(str(status))
