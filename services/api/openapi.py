"""What FastAPI cannot see in the handlers: bodies, headers, every response with its schema and an example."""

from typing import Any

from services.api.bodies import UserBody, UserPatch
from services.api.override_body import OverrideBody
from shared.errors import (
    AcceptanceUnknown,
    AnswerOverdue,
    AppError,
    BodyTooLarge,
    BreakerNotFound,
    CircuitOpen,
    DatabaseUnavailable,
    DeadlineExceeded,
    EmailTaken,
    FleetUnreachable,
    InvalidRequest,
    KeyReused,
    MalformedJson,
    NoSuchPath,
    NotAllowed,
    NotAuthenticated,
    OperationNotFound,
    OrderUnknown,
    Overloaded,
    PreconditionFailed,
    ProxyBusy,
    ProxyUnavailable,
    QueueFull,
    QueueUnavailable,
    RateLimited,
    RequestInProgress,
    Unexpected,
    UnsupportedMediaType,
    UpstreamFailed,
    UpstreamInvalidAnswer,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
    UserNotFound,
    WriteBacklog,
    WriteExpired,
    WritesUnavailable,
)
from shared.http.envelope import status_of

_ID = "0198c0de-0000-7000-8000-000000000001"
_OPERATION_ID = "0198c0de-0000-7000-8000-0000000000aa"
_VERSION = 1768473000000000
_TIME = "2026-01-15T10:30:00.000000Z"
_USER = {
    "id": _ID, "name": "Ada Lovelace", "email": "ada@example.com", "created_at": _TIME, "updated_at": _TIME,
    "version": _VERSION,
}  # fmt: skip

_TEXT = {"type": "string"}
_NULLABLE_TEXT = {"type": ["string", "null"]}
_INTEGER = {"type": "integer"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


_USER_SCHEMA = _object(
    {
        "id": {"type": "string", "format": "uuid"}, "name": _TEXT, "email": _TEXT,
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"}, "version": _INTEGER,
    }
)  # fmt: skip
_QUEUED_SCHEMA = _object(
    {"id": {"type": "string", "format": "uuid"}, "operation_id": {"type": "string", "format": "uuid"},
     "status": {"enum": ["queued"]}}
)  # fmt: skip
_DONE_SCHEMA = _object(
    {"id": _TEXT, "operation_id": _TEXT, "status": {"enum": ["applied"]}},
    {"name": _TEXT, "email": _TEXT, "created_at": _TEXT, "updated_at": _TEXT, "version": _INTEGER},
)
_OPERATION_SCHEMA = _object(
    {
        "id": _TEXT, "user_id": _TEXT, "command": _TEXT,
        "status": {"enum": ["queued", "applied", "rejected", "expired", "dead_lettered", "discarded"]},
        "done": {"type": "boolean"}, "failed_attempts": _INTEGER,
        "last_error": _NULLABLE_TEXT, "accepted_at": _TEXT, "ended_at": _NULLABLE_TEXT,
        "waiting_s": {"type": "number"}, "user_version": {"type": ["integer", "null"]},
        "error": {"type": ["object", "null"]},
    }
)  # fmt: skip
_ERROR_SCHEMA = _object(
    {
        "success": {"const": False},
        "error": _object(
            {"type": _TEXT, "code": _TEXT, "message": _TEXT, "retryable": {"type": "boolean"},
             "definite": {"type": "boolean"}, "request_id": _TEXT, "timestamp": _TEXT},
            {"details": {"type": "object"}, "retry_after": _INTEGER},
        ),
        "fallback_data": {"type": ["object", "null"]},
    }
)  # fmt: skip


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": _TEXT}


_REQUEST_ID = {"X-Request-ID": _header("This request's id; in our logs too")}
_RATE_LIMIT = {
    "RateLimit-Policy": _header("What you may send, `q` in `w` seconds; where there is a limit"),
    "RateLimit": _header("What is left of it, `r`, and in how many seconds there is more, `t`"),
}
_LOCATION = {"Location": _header("Where to ask")}
_REPLAYED = {"Idempotent-Replayed": _header("`true`: this answers a repeated Idempotency-Key")}
_RETRY_AFTER = {"Retry-After": _header("Seconds until asking again makes sense")}
_ETAG = {"ETag": _header("The user's version, for If-Match and If-None-Match")}


def _answer(description: str, data: Any, example: Any, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = _object({"success": {"const": True}, "data": data, "meta": {"type": "object"}})
    content = {"schema": schema, "example": {"success": True, "data": example, "meta": {}}}
    return {"description": description, "headers": _REQUEST_ID | _RATE_LIMIT | (headers or {}),
            "content": {"application/json": content}}  # fmt: skip


#: What may come of any request, whatever it asks for.
_ANYWHERE = (NotAuthenticated, NotAllowed, RateLimited, Overloaded, DeadlineExceeded, Unexpected)


def _errors(*errors: type[AppError]) -> dict[int | str, Any]:
    """One response a status, with an example a code; what the edge may answer to anything is among them."""
    by_status: dict[int, list[type[AppError]]] = {}
    for error in (*errors, *_ANYWHERE):
        by_status.setdefault(status_of(error), []).append(error)
    responses: dict[int | str, Any] = {}
    for status, group in by_status.items():
        headers = _REQUEST_ID | _RATE_LIMIT | (_RETRY_AFTER if any(error.retryable for error in group) else {})
        responses[status] = {
            "description": " ".join(" ".join((error.__doc__ or "").split()) for error in group),
            "headers": headers,
            "content": {
                "application/json": {
                    "schema": _ERROR_SCHEMA,
                    "examples": {error.code: {"value": _example(error)} for error in group},
                },
                "application/problem+json": {"schema": {"type": "object"}},
            },
        }
    return responses


def _example(error: type[AppError]) -> dict[str, Any]:
    told: dict[str, Any] = {"type": error.type, "code": error.code, "message": error().message}
    if error is InvalidRequest:
        told |= {
            "code": "INVALID_EMAIL_FORMAT",
            "message": "Email address format is invalid",
            "details": {"field": "email", "value": "invalid-email", "constraint": "must be valid email format"},
        }
    if error.retryable:
        told["retry_after"] = 1
    told |= {"retryable": error.retryable, "definite": error.definite, "request_id": "req_123456789"}
    return {"success": False, "error": told | {"timestamp": "2026-01-15T10:30:00Z"}, "fallback_data": None}


def _parameter(name: str, description: str, example: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": _TEXT,
            "example": example}  # fmt: skip


_KEY = _parameter("Idempotency-Key", "Sending again with the same key and body is safe.", "8f14e45f-ceea-467e")
_PREFER = _parameter("Prefer", "`wait=N`: answer when the write has taken effect, at most N (≤ 10) s later.", "wait=5")
_TIMEOUT = _parameter("X-Request-Timeout-Ms", "Answer within so many ms, 50 to 30000; lowers our limit only.", "2000")
_EXPIRE = _parameter("X-Expire-After-Ms", "What is not applied so many ms after acceptance is not to be.", "60000")
_IF_MATCH = _parameter("If-Match", "Apply only if the user is at this ETag.", f'"{_VERSION}"')


def _body(model: type[UserBody] | type[UserPatch], example: dict[str, str]) -> dict[str, Any]:
    content = {"application/json": {"schema": model.model_json_schema(), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


_QUEUED = {
    202: _answer(
        "Accepted: on disk, and will take effect exactly once.",
        _QUEUED_SCHEMA,
        {"id": _ID, "operation_id": _OPERATION_ID, "status": "queued"},
        _LOCATION | _REPLAYED | _RETRY_AFTER,
    )
}
_DONE_EXAMPLE = {"operation_id": _OPERATION_ID, "status": "applied", **_USER}
_APPLIED_MEANS = "Applied: while you waited (`Prefer: wait`), or at once because the queue is away."
_APPLIED = {
    200: _answer(
        _APPLIED_MEANS,
        _DONE_SCHEMA,
        _DONE_EXAMPLE,
        _ETAG | _REPLAYED,
    )
}
_CREATED = {
    201: _answer(
        _APPLIED_MEANS,
        _DONE_SCHEMA,
        _DONE_EXAMPLE,
        _ETAG | _LOCATION,
    )
}
_WRITE_ERRORS = (
    InvalidRequest, KeyReused, RequestInProgress, PreconditionFailed, BodyTooLarge, QueueUnavailable, QueueFull,
    WritesUnavailable, OrderUnknown, DatabaseUnavailable, CircuitOpen, AcceptanceUnknown, AnswerOverdue,
    WriteBacklog, WriteExpired,
)  # fmt: skip
_BODY_ERRORS = (MalformedJson, UnsupportedMediaType, EmailTaken)

CREATE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Create a user",
    "responses": _QUEUED | _CREATED | _errors(*_WRITE_ERRORS, *_BODY_ERRORS),
    "openapi_extra": _body(UserBody, {"name": "Ada Lovelace", "email": "ada@example.com"})
    | {"parameters": [_KEY, _PREFER, _TIMEOUT, _EXPIRE]},
}
REPLACE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Replace a user",
    "responses": _QUEUED | _APPLIED | _errors(*_WRITE_ERRORS, *_BODY_ERRORS, UserNotFound),
    "openapi_extra": _body(UserBody, {"name": "Ada King", "email": "ada@example.com"})
    | {"parameters": [_KEY, _PREFER, _TIMEOUT, _EXPIRE, _IF_MATCH]},
}
UPDATE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Change some of a user",
    "responses": _QUEUED | _APPLIED | _errors(*_WRITE_ERRORS, *_BODY_ERRORS, UserNotFound),
    "openapi_extra": _body(UserPatch, {"name": "Ada King"})
    | {"parameters": [_KEY, _PREFER, _TIMEOUT, _EXPIRE, _IF_MATCH]},
}
DELETE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Delete a user",
    "responses": _QUEUED | _APPLIED | _errors(*_WRITE_ERRORS, UserNotFound),
    "openapi_extra": {"parameters": [_KEY, _PREFER, _TIMEOUT, _EXPIRE, _IF_MATCH]},
}
_READ_ERRORS = (InvalidRequest, DatabaseUnavailable, CircuitOpen)
_DEGRADED_HEADERS = {
    "Age": _header("Of the copy, in seconds; only on an answer from a copy"),
    "Cache-Status": _header("RFC 9211; only on an answer from a copy"),
    "X-Degraded": _header("Why this is a copy; only on one"),
}


def _or_degraded(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """The answer, or while the database is away a copy in `fallback_data[name]`."""
    told = _ERROR_SCHEMA["properties"]["error"]
    fallback = _object({name: {}, "cache_age": _TEXT, "as_of": _TEXT})
    degraded = _object({"success": {"const": False}, "error": told, "fallback_data": fallback})
    content = answer["content"]["application/json"]
    content["schema"] = {"oneOf": [content["schema"], degraded]}
    answer["headers"] |= _DEGRADED_HEADERS
    return answer


_FRESH = _parameter("Cache-Control", "`no-cache`: rather an error than a copy while the database is away.", "no-cache")
READ: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Read a user, writes still on their way included",
    "responses": {
        200: _or_degraded(
            _answer(
                "The user; `meta.pending` tells whether a write is still on its way (null: the queue does not answer),"
                " `meta.stale` that it is a copy.",
                _USER_SCHEMA,
                _USER,
                _ETAG,
            ),
            "cached_user",
        ),
        304: {"description": "The user is still at the ETag in If-None-Match.", "headers": _ETAG},
        **_errors(*_READ_ERRORS, UserNotFound),
    },
    "openapi_extra": {
        "parameters": [
            _parameter("If-None-Match", "Answer 304 if the user is still at this ETag.", f'"{_VERSION}"'),
            _FRESH,
            _TIMEOUT,
        ]
    },
}
LIST: dict[str, Any] = {
    "tags": ["users"],
    "summary": "List users in the order of their creation",
    "responses": {
        200: _or_degraded(
            _answer(
                "A page; `meta.next_cursor` leads to the next, null on the last. Writes on their way are not in it.",
                {"type": "array", "items": _USER_SCHEMA}, [_USER],
            ),
            "cached_users",
        ),
        **_errors(*_READ_ERRORS),
    },
    "openapi_extra": {"parameters": [_FRESH, _TIMEOUT]},
}  # fmt: skip
OPERATION: dict[str, Any] = {
    "tags": ["operations"],
    "summary": "What became of a write",
    "responses": {
        200: _answer(
            "The operation.", _OPERATION_SCHEMA,
            {"id": _OPERATION_ID, "user_id": _ID, "command": "CreateUser", "status": "applied", "done": True,
             "failed_attempts": 0, "last_error": None, "accepted_at": _TIME, "ended_at": _TIME, "waiting_s": 0.0,
             "user_version": _VERSION, "error": None},
            _RETRY_AFTER,
        ),
        **_errors(DatabaseUnavailable, CircuitOpen, QueueUnavailable, OperationNotFound),
    },
}  # fmt: skip

EXTERNAL: dict[str, Any] = {
    "tags": ["third party"],
    "summary": "The third party's data, through external_proxy; or the last good answer, or a default, saying so",
    "responses": {
        200: _or_degraded(
            _answer(
                "The data; `meta.fallback.used` tells whether it is the third party's answer of this moment.",
                {}, {"source": "stand-in third party", "at": _TIME}, _RETRY_AFTER,
            ),
            "cached_data",
        ),
        **_errors(
            UpstreamTimeout, UpstreamUnreachable, UpstreamInvalidAnswer, UpstreamFailed, UpstreamRefused,
            UpstreamThrottled, ProxyBusy, ProxyUnavailable, CircuitOpen, DeadlineExceeded, InvalidRequest, Unexpected,
        ),
    },
    "openapi_extra": {
        "parameters": [
            _FRESH,
            _parameter("X-Allow-Fallback", "`false`: rather an error than anything but its own answer.", "false"),
        ]
    },
}  # fmt: skip
_BREAKER_SCHEMA = _object(
    {"name": _TEXT, "state": {"enum": ["closed", "open", "half_open"]}, "service": _TEXT, "instance": _TEXT,
     "report": _object({"age_s": {"type": "number"}, "stale": {"type": "boolean"}})}
)  # fmt: skip
BREAKERS: dict[str, Any] = {
    "tags": ["health"],
    "summary": "Every circuit breaker of every service and replica",
    "responses": {
        200: _answer(
            "State, since when, why it opened, when it will probe, what an operator imposed, the last transitions; "
            "and how old the replica's report is. This api's own are always as of now.",
            _object(
                {
                    "summary": _object(dict.fromkeys(("closed", "open", "half_open", "stale"), _INTEGER)),
                    "circuit_breakers": {"type": "array", "items": _BREAKER_SCHEMA},
                    "others": _TEXT,
                }
            ),
            {
                "summary": {"closed": 1, "open": 0, "half_open": 0, "stale": 0},
                "circuit_breakers": [
                    {
                        "name": "database",
                        "state": "closed",
                        "service": "api",
                        "instance": "api",
                        "since": _TIME,
                        "report": {"age_s": 0.0, "stale": False},
                    }
                ],
                "others": "reported",
            },
        )
    },
}
OVERRIDE: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Force a breaker open or closed, or only observe it, for a time; lift that; or reset it",
    "description": "For a key with the scope `operate`. It ends by itself; replicas that start meanwhile obey it too.",
    "responses": {
        200: _answer(
            "What was imposed on whom: here at once, elsewhere within about a second.",
            _object(
                {"service": _TEXT, "name": _TEXT, "action": _TEXT, "reason": _TEXT, "actor": _TEXT,
                 "for_s": {"type": "number"}, "reach": _TEXT, "imposed_on": {"type": "array", "items": _TEXT},
                 "audited": {"type": "boolean"}}
            ),
            {"service": "writer", "name": "database", "action": "force_open", "reason": "failover at 10:00",
             "actor": "on-call", "for_s": 900.0, "reach": "every replica", "imposed_on": ["writer-0", "writer-1"],
             "audited": True},
        ),
        **_errors(InvalidRequest, MalformedJson, UnsupportedMediaType, BodyTooLarge, NotAuthenticated, NotAllowed,
                  BreakerNotFound, FleetUnreachable, Unexpected),
    },
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": OverrideBody.model_json_schema(),
            "example": {"action": "force_open", "reason": "failover at 10:00", "for_s": 900},
        }}}
    },
}  # fmt: skip
PANIC: dict[str, Any] = {
    "tags": ["health"],
    "summary": "Crash on purpose, to see what becomes of it (demo profile only)",
    "responses": _errors(NoSuchPath),
}
