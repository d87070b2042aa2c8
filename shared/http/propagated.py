"""Passed on: what a request brings that belongs on every call made for it."""

import re

from starlette.requests import Request

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


def traceparent(raw: bytes) -> str:
    """The caller's trace; empty when it is not well-formed."""
    value = raw.decode("latin-1")
    return value if _TRACEPARENT.match(value) else ""


def propagated(request: Request) -> dict[str, str]:
    """Headers: its id, its trace if it has one, and whether it is to be explained."""
    trace = traceparent(dict(request.scope["headers"]).get(b"traceparent", b""))
    explain = {"X-Explain": "true"} if "explain" in request.scope else {}
    return {"X-Request-ID": request.scope["request_id"]} | explain | ({"traceparent": trace} if trace else {})
