"""Propagated headers: those of a request that are sent with every call made for it."""

from starlette.requests import Request
from starlette.types import Scope

from holdfast.shared.telemetry.tracing.spans import TRACEPARENT


def traceparent(raw: bytes) -> str:
    """The caller's `traceparent`; empty if it is malformed."""
    value = raw.decode("latin-1")
    return value if TRACEPARENT.fullmatch(value) else ""


def trace_of(scope: Scope) -> str:
    """The `traceparent` of a request; empty if it is malformed, or there are several: none of them is chosen."""
    return traceparent(b",".join(value for name, value in scope["headers"] if name == b"traceparent"))


def propagated(request: Request) -> dict[str, str]:
    """The request id, the trace if there is one, and whether an explanation is wanted."""
    trace = trace_of(request.scope)
    explain = {"X-Explain": "true"} if "explain" in request.scope else {}
    return {"X-Request-ID": request.scope["request_id"]} | explain | ({"traceparent": trace} if trace else {})
