"""Asked: what the edge reads from a request's headers: its id, its time limit, how long the caller prefers to wait, and
whether a copy is acceptable and an explanation is wanted.

A header with an invalid value is refused, with the header's name and the allowed values. Only an unknown preference and
a malformed `traceparent` are ignored, as their specifications require. An `X-Request-ID` that is unsuitable for logs is
replaced, and the answer carries the id in force.
"""

import re
from typing import NamedTuple

from starlette.types import Scope

from holdfast.shared.errors import InvalidHeader, InvalidTimeout
from holdfast.shared.http.request_id import new, sane
from holdfast.shared.runtime.time_budgets import REQUEST_TIMEOUT_MAX_S, REQUEST_TIMEOUT_MIN_S

_WAIT = re.compile(rb"(?:^|[,;\s])wait\s*=\s*\"?0*(\d+)\"?(?:$|[,;\s])", re.IGNORECASE)
_WAIT_DIGITS_MAX = 4
_FLAGS = {b"true": True, b"1": True, b"yes": True, b"false": False, b"0": False, b"no": False}
_TIMEOUT_MS = range(round(REQUEST_TIMEOUT_MIN_S * 1000), round(REQUEST_TIMEOUT_MAX_S * 1000) + 1)


class Asked(NamedTuple):
    """The edge's part of a request's headers."""

    #: The caller's `X-Request-ID` if its form is valid, else a new one.
    request_id: bytes
    #: `X-Request-Timeout-Ms`, as sent.
    timeout_ms: bytes | None
    #: Seconds that the caller prefers to wait, `Prefer: wait=N`.
    wait_s: int
    #: `X-Explain`, as sent: whether to keep an explanation even if all is well.
    explain: bytes | None
    #: `X-Allow-Fallback`, as sent: whether a copy is acceptable.
    allow_fallback: bytes | None


def asked(scope: Scope) -> Asked:
    """Read the headers of one request."""
    request_id = timeout_ms = explain = allow_fallback = None
    wait_s = 0
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = sane(value)
        elif name == b"x-request-timeout-ms":
            timeout_ms = value
        elif name == b"prefer" and not wait_s:
            wait_s = preferred_wait_s(value)
        elif name == b"x-explain":
            explain = value
        elif name == b"x-allow-fallback":
            allow_fallback = value
    return Asked(request_id or new(), timeout_ms, wait_s, explain, allow_fallback)


def preferred_wait_s(preferences: bytes) -> int:
    """Return the seconds of `wait` in a `Prefer` header, 0 if it has none. A preference is never an error: a number
    beyond any allowed wait counts as a long wait."""
    found = _WAIT.search(preferences)
    if found is None:
        return 0
    return int(found[1]) if len(found[1]) <= _WAIT_DIGITS_MAX else 10**_WAIT_DIGITS_MAX


def combined(scope: Scope) -> dict[bytes, bytes]:
    """Return all headers of one request. Several headers of one name are joined to a list, as HTTP defines."""
    lines = scope["headers"]
    headers: dict[bytes, bytes] = dict(lines)
    if len(headers) < len(lines):
        headers = {}
        for name, value in lines:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def flag(name: str, raw: bytes) -> bool:
    """Return the value of the header `name`, which is true or false. Raises InvalidHeader."""
    known = _FLAGS.get(raw.strip().lower())
    if known is None:
        constraint = "must be true, 1 or yes, or else false, 0 or no"
        raise InvalidHeader(details={"field": name, "value": raw[:20].decode("latin-1"), "constraint": constraint})
    return known


def timeout_s(raw: bytes) -> float:
    """Return the time limit of an `X-Request-Timeout-Ms`, in seconds. Raises InvalidTimeout."""
    if raw.isdigit() and len(raw) <= 5 and int(raw) in _TIMEOUT_MS:
        return int(raw) / 1000
    raise InvalidTimeout(
        details={
            "field": "X-Request-Timeout-Ms",
            "value": raw[:20].decode("latin-1"),
            "constraint": f"must be a whole number of ms from {_TIMEOUT_MS.start} to {_TIMEOUT_MS.stop - 1}",
        },
    )
