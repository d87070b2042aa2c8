"""Headers: what a request says about how it wants its write done."""

import hashlib
import re
from dataclasses import dataclass

import uuid_utils
from starlette.requests import Request

from shared.errors import InvalidRequest, PreconditionFailed, UnsupportedMediaType

_KEY = re.compile(r'^"?([\x21\x23-\x7e]{1,255})"?$')
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,4})\"?(?:$|[,;\s])", re.IGNORECASE)
_ETAG = re.compile(r'^"(\d{1,16})"$')
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The ids that a caller's key always leads to; the key is remembered under the operation's."""

    operation_id: str
    user_id: str


def require_json(request: Request) -> None:
    """Raises UnsupportedMediaType."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise UnsupportedMediaType(details={"field": "Content-Type", "value": media_type[:100] or None,
                                            "constraint": "must be application/json"})  # fmt: skip


def idempotency(request: Request) -> Idempotency | None:
    """From `Idempotency-Key`, scoped to the caller, the method and the path. Raises InvalidRequest."""
    raw = request.headers.get("idempotency-key")
    if raw is None:
        return None
    match = _KEY.match(raw.strip())
    if match is None:
        raise InvalidRequest(
            "The Idempotency-Key is not valid.",
            code="INVALID_IDEMPOTENCY_KEY",
            details={"field": "Idempotency-Key", "value": None, "constraint": "1 to 255 visible ASCII characters"},
        )
    scope = "\n".join((_caller(request), request.method, request.url.path, match[1]))
    digest = hashlib.sha256(scope.encode()).hexdigest()
    return Idempotency(_derived_id(digest[:32]), _derived_id(digest[32:]))


def new_id() -> str:
    """An id that sorts by time."""
    return str(uuid_utils.uuid7())


def wait_s(request: Request, longest_s: float) -> float:
    """From `Prefer: wait=N`, bounded; 0: do not wait. A preference is never an error."""
    match = _WAIT.search(request.headers.get("prefer", ""))
    return min(float(match[1]), longest_s) if match else 0.0


def if_match(request: Request) -> int | None:
    """The version that `If-Match` names; None: any. Raises PreconditionFailed for what is no version of ours."""
    raw = request.headers.get("if-match")
    if raw is None or raw.strip() == "*":
        return None
    match = _ETAG.match(raw.strip())
    if match is None:
        raise PreconditionFailed(details={"field": "If-Match", "value": raw[:100], "constraint": "must be one ETag"})
    return int(match[1])


def etag(version: int) -> str:
    """The ETag of a user at `version`."""
    return f'"{version}"'


def traceparent(request: Request) -> str:
    """The caller's trace, if it sent a well-formed one."""
    value = request.headers.get("traceparent", "")
    return value if _TRACEPARENT.match(value) else ""


def _caller(request: Request) -> str:
    """Who asks, as far as the request says it; never kept in clear."""
    credential = request.headers.get("authorization") or request.headers.get("x-api-key") or ""
    return hashlib.sha256(credential.encode()).hexdigest()


def _derived_id(hex32: str) -> str:
    """A version 8 UUID: the same key leads to the same id even when Redis has forgotten the key."""
    return f"{hex32[:8]}-{hex32[8:12]}-8{hex32[13:16]}-a{hex32[17:20]}-{hex32[20:]}"
