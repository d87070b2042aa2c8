"""Envelope: the form of every answer, and the only place that maps errors to HTTP status codes."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared import errors
from holdfast.shared.errors import AppError, without_frames
from holdfast.shared.http.routing import would_be_routed
from holdfast.shared.runtime.timestamps import timestamp
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import note
from holdfast.shared.telemetry.logs import Action

_STATUS_BY_TYPE = {
    "validation_error": 422,
    "authentication_error": 401,
    "not_found": 404,
    "conflict": 409,
    "rate_limit_error": 429,
    "internal_error": 500,
    "database_error": 503,
    "service_unavailable": 503,
    "network_error": 504,
}
_STATUS: dict[type[AppError], int] = {
    errors.MalformedJson: 400,
    errors.MalformedHttp: 400,
    errors.RequestTooSlow: 408,
    errors.TargetTooLong: 414,
    errors.HeadTooLarge: 431,
    errors.MethodNotAllowed: 405,
    errors.BodyTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.OperationPurged: 410,
    errors.UnsupportedEncoding: 415,
    errors.UnsupportedTransferCoding: 501,
    errors.InvalidCondition: 400,
    errors.PreconditionFailed: 412,
    errors.NotAllowed: 403,
    errors.AnswerLost: 502,
    errors.UpstreamUnreachable: 502,
    errors.UpstreamInvalidAnswer: 502,
    errors.UpstreamFailed: 502,
    errors.UpstreamRefused: 502,
}
_STATUS_BY_CODE = {error.code: status for error, status in _STATUS.items()}
#: The route in metrics and logs for a request without a route.
UNMATCHED = "unmatched"
_BEFORE_DATA, _AFTER_DATA = b'{"success":true,"data":', b',"meta":'
PROBLEM_JSON = "application/problem+json"
#: The ranges of media types that contain the envelope's, the narrowest first, which decides (RFC 9110, 12.5.1).
_RANGES_OF_JSON = ("application/json", "application/*", "*/*")
_QUALITY = re.compile(r"[01](\.[0-9]{0,3})?")
_DEFAULT_RETRY_AFTER_S = 1

#: Headers that go with an error's status (RFC 9110).
_HEADERS_BY_CODE = {
    errors.NotAuthenticated.code: {"WWW-Authenticate": 'Bearer realm="holdfast"'},
    errors.NotAllowed.code: {"WWW-Authenticate": 'Bearer realm="holdfast", error="insufficient_scope"'},
    errors.UnsupportedEncoding.code: {"Accept-Encoding": "identity"},
}


def status_of(error: AppError | type[AppError]) -> int:
    """Return the HTTP status of an error."""
    return _STATUS_BY_CODE.get(error.code) or _STATUS_BY_TYPE[error.type]


class Fallback(NamedTuple):
    """The content of an answer from a copy or a default."""

    #: The data, in the usual place of the answer's data.
    data: Any
    #: Where the data are from, and how old they are.
    meta: Mapping[str, Any]
    #: The same data in the form of the circuit-breaker answer, in `fallback_data`.
    named: Mapping[str, Any]


def headers_of(error: AppError) -> Mapping[str, str]:
    """Return the headers that belong to an error's code."""
    return _HEADERS_BY_CODE.get(error.code, {})


def success(
    request: Request,
    data: Any,
    *,
    status: int = 200,
    meta: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return `{"success": true, "data": ..., "meta": ...}`. Data that are JSON already are passed as an
    `orjson.Fragment`. A moment in UTC is written with a `Z`."""
    whole_meta = {"request_id": request.scope["request_id"], **(meta or {})}
    body = orjson.dumps({"success": True, "data": data, "meta": whole_meta}, option=orjson.OPT_UTC_Z)
    return JsonBytes(body, status, headers)


class JsonBytes(Response):
    """A response whose JSON is already encoded. Its headers are built in one pass; their names are few."""

    media_type = "application/json"

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str] | None = None) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [(_name(name), value.encode("latin-1")) for name, value in (headers or {}).items()]
        self.raw_headers += ((b"content-length", b"%d" % len(body)), _JSON)


_JSON = (b"content-type", b"application/json")


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    return name.lower().encode("latin-1")


def data_of(raw: bytes) -> bytes | None:
    """Return the data in `raw`, an answer that `success` made, byte for byte; None for any other answer. `meta` is the
    last member, and has no member of that name itself."""
    end = raw.rfind(_AFTER_DATA)
    return raw[len(_BEFORE_DATA) : end] if raw.startswith(_BEFORE_DATA) and end >= len(_BEFORE_DATA) else None


def failure(
    error: AppError,
    request: Request,
    headers: Mapping[str, str] | None = None,
    *,
    fallback: Fallback | None = None,
) -> Response:
    """Return the error envelope, or RFC 9457 if the caller accepts that.

    With a `fallback` the answer is a 200 with `data` and `meta`, whatever the caller accepts, because an answer from a
    copy is not a problem in the sense of RFC 9457. The stack frames that the error holds are released.
    """
    without_frames(error)
    status = status_of(error) if fallback is None else 200
    request_id = request.scope.get("request_id", "")
    all_headers = {**(headers or {}), **headers_of(error)}
    retry_after_s = error.retry_after_s
    if retry_after_s is None and error.retryable:
        retry_after_s = _DEFAULT_RETRY_AFTER_S
    if retry_after_s is not None:
        all_headers["Retry-After"] = str(retry_after_s)
    if isinstance(error, errors.BodyTooLarge):
        all_headers["Connection"] = "close"  # the rest of the body is not read
    metrics.http_errors.labels(error.type, error.code, route_of(request.scope)).inc()
    request.scope["failed"] = (error.type, error.code, error.dependency)
    if fallback is None:  # otherwise the fallback has been noted
        note(
            Action.ERROR_ANSWERED,
            code=error.code,
            status=status,
            retryable=error.retryable,
            definite=error.definite,
            retry_after_s=retry_after_s,
        )

    fields: dict[str, Any] = {"type": error.type, "code": error.code, "message": error.message}
    if error.details is not None:
        fields["details"] = error.details
    if retry_after_s is not None:
        fields["retry_after"] = retry_after_s
    if fallback is not None or isinstance(error, errors.CircuitOpen):
        fields["fallback_available"] = fallback is not None
    fields |= {"retryable": error.retryable, "definite": error.definite}
    fields |= {"request_id": request_id, "timestamp": timestamp()}
    if fallback is None and is_problem_wanted(request):
        return Response(_problem(fields, status), status, all_headers, PROBLEM_JSON)
    body: dict[str, Any] = {"success": False, "error": fields, "fallback_data": fallback and fallback.named}
    if fallback is not None:
        body |= {"data": fallback.data, "meta": {"request_id": request_id, **fallback.meta}}
    return JsonBytes(orjson.dumps(body), status, all_headers)


def route_of(scope: Mapping[str, Any]) -> str:
    """Return the route's template, so that ids never become label values. Also works for a request that was answered
    before it was routed."""
    route = scope["route"] if "route" in scope else would_be_routed(scope)
    return getattr(route, "path", None) or UNMATCHED


def is_problem_wanted(request: Request) -> bool:
    """Return whether `Accept` names RFC 9457 with at least the preference of the envelope."""
    if "problem" not in (lower := ",".join(request.headers.getlist("accept")).lower()):
        return False
    wanted = {}
    for each in lower.split(","):
        kind, *parameters = (part.strip() for part in each.split(";"))
        quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        wanted[kind] = float(quality) if _QUALITY.fullmatch(quality) else 1.0
    envelope = next((wanted[kind] for kind in _RANGES_OF_JSON if kind in wanted), 0.0)
    return wanted.get(PROBLEM_JSON, 0.0) > 0 and wanted[PROBLEM_JSON] >= envelope


def _problem(fields: dict[str, Any], status: int) -> bytes:
    rest = {key: value for key, value in fields.items() if key not in ("type", "message", "request_id")}
    return orjson.dumps(
        {
            "type": f"urn:holdfast:error:{fields['code']}",
            "title": fields["message"],
            "status": status,
            "instance": f"urn:holdfast:request:{fields['request_id']}",
            "category": fields["type"],
            **rest,
        }
    )
