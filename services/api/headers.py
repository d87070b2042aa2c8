"""Headers: reads from a request's headers how the client wants its write or read to be done."""

from collections.abc import Mapping

import uuid_utils
from starlette.requests import Request

from holdfast.shared.errors import InvalidExpiry, PreconditionFailed, UnsupportedMediaType
from holdfast.shared.http.asked import preferred_wait_s
from holdfast.shared.http.degraded import copies_allowed
from holdfast.shared.http.etag import IF_MATCH, conditions

_EXPIRE_MAX_MS = 86_400_000

Headers = Mapping[bytes, bytes]


def require_json(request: Request) -> None:
    """Check that the body is declared as JSON. Raises UnsupportedMediaType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(
            details={
                "field": "Content-Type",
                "value": media_type[:100] or None,
                "constraint": "must be application/json",
            }
        )


def new_id() -> str:
    """Return a new id that sorts by time (UUID version 7)."""
    return str(uuid_utils.uuid7())


def wait_s(headers: Headers, longest_s: float) -> float:
    """Return the seconds of `Prefer: wait=N`, at most `longest_s`; 0 if the client does not want to wait."""
    raw = headers.get(b"prefer")
    return min(float(preferred_wait_s(raw)), longest_s) if raw else 0.0


def versions_wanted(request: Request, *, new: bool) -> tuple[str, str]:
    """Return (`if_match`, `if_none_match`) as the write's entry has them: `7,9`, `*`, or empty for no condition.

    The conditions are checked where the write is applied. An entity that is `new` does not exist yet and has no
    version. Raises InvalidCondition, or PreconditionFailed if no entity can meet the condition.
    """
    if_match, if_none_match = conditions(request.scope["headers"])
    among = if_match.versions(strong=True) if if_match else ()
    if if_match and not among and (new or not if_match.any):
        raise PreconditionFailed(field=IF_MATCH, current=None)
    if if_none_match is None or new:
        return _listed(among), ""
    return _listed(among), "*" if if_none_match.any else _listed(if_none_match.versions(strong=False))


def _listed(versions: tuple[int, ...]) -> str:
    return ",".join(map(str, versions))


def expire_ms(headers: Headers) -> str:
    """Return `X-Expire-After-Ms`, after which the write must not be applied any more; empty if there is no limit.
    Raises InvalidExpiry."""
    raw = headers.get(b"x-expire-after-ms")
    if raw is None:
        return ""
    if raw.isdigit() and len(raw) <= 8 and 0 < int(raw) <= _EXPIRE_MAX_MS:
        return str(int(raw))
    raise InvalidExpiry(
        details={
            "field": "X-Expire-After-Ms",
            "value": raw[:20].decode("latin-1"),
            "constraint": f"must be a whole number of ms from 1 to {_EXPIRE_MAX_MS}",
        },
    )


def wants_fresh(request: Request) -> bool:
    """Return whether the client prefers an error to a copy: `Cache-Control: no-cache`, `X-Allow-Fallback: false`."""
    return not copies_allowed(request) or any(
        name == b"cache-control" and b"no-cache" in value.lower() for name, value in request.scope["headers"]
    )
