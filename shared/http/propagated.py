"""Propagated headers: the headers of a request that are sent with every call made on its behalf."""

from starlette.requests import Request
from starlette.types import Scope

from holdfast.shared.telemetry.tracing.spans import TRACEPARENT


def traceparent(raw: bytes) -> str:
    """Return the caller's `traceparent`; empty if it is malformed."""
    value = raw.decode("latin-1")
    return value if TRACEPARENT.fullmatch(value) else ""


def trace_of(scope: Scope) -> str:
    """Return the `traceparent` of a request; empty if it is malformed, or if there are several, none of which is
    preferred."""
    return traceparent(b",".join(value for name, value in scope["headers"] if name == b"traceparent"))


def propagated(request: Request) -> dict[str, str]:
    """Return the request id, the trace if there is one, and whether an explanation is wanted, as headers."""
    trace = trace_of(request.scope)
    explain = {"X-Explain": "true"} if "explain" in request.scope else {}
    return {"X-Request-ID": request.scope["request_id"]} | explain | ({"traceparent": trace} if trace else {})
