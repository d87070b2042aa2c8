"""What the document says about `/users`."""

from typing import Any

from holdfast.services.api.bodies import UserBody, UserPatch
from holdfast.services.api.openapi.answers import FRESH, ID, OPERATION_ID, TIME, VERSION, answer, errors
from holdfast.shared.errors import (
    AcceptanceUnknown,
    AnswerOverdue,
    BodyTooLarge,
    CircuitOpen,
    DatabaseUnavailable,
    EmailTaken,
    InvalidCondition,
    InvalidRequest,
    KeyReused,
    MalformedJson,
    OrderUnknown,
    PreconditionFailed,
    QueueFull,
    QueueUnavailable,
    RequestInProgress,
    UserBacklog,
    UserNotFound,
    WriteBacklog,
    WriteExpired,
    WritesUnavailable,
)
from holdfast.shared.http.document import (
    COPY_HEADERS,
    INTEGER,
    RETRY_AFTER,
    TEXT,
    TIMEOUT,
    a_copy,
    a_list,
    an_object,
    body,
    header,
    parameter,
)

_UUID = {"type": "string", "format": "uuid"}
_MOMENT = {"type": "string", "format": "date-time"}
_USER = an_object(
    {"id": _UUID, "name": TEXT, "email": TEXT, "created_at": _MOMENT, "updated_at": _MOMENT, "version": INTEGER}
)
_EXAMPLE = {
    "id": ID, "name": "Ada Lovelace", "email": "ada@example.com", "created_at": TIME, "updated_at": TIME,
    "version": VERSION,
}  # fmt: skip

_LOCATION = {"Location": header("Where to ask")}
_REPLAYED = {"Idempotent-Replayed": header("`true`: this answers a repeated Idempotency-Key")}
_ETAG = {"ETag": header("The user's version, for If-Match and If-None-Match")}
_AT = f'"{VERSION}"'
_IF_MATCH = parameter("If-Match", "Apply only if the user is at one of these ETags.", _AT)
_UNLESS = parameter("If-None-Match", "Apply only if the user is at none of these ETags.", _AT)
_IF_NONE_MATCH = parameter("If-None-Match", "Answer 304 if the user is still at one of these ETags.", _AT)
_NEW = [
    parameter("Idempotency-Key", "Sending again with the same key and body is safe.", "8f14e45f-ceea-467e"),
    parameter("Prefer", "`wait=N`: answer when the write has taken effect, at most N (≤ 10) s later.", "wait=5"),
    TIMEOUT,
    parameter("X-Expire-After-Ms", "What is not applied so many ms after acceptance is not to be.", "60000"),
]
_CHANGE = {"parameters": [*_NEW, _IF_MATCH, _UNLESS]}

_QUEUED = answer(
    "Accepted: on disk, and will take effect exactly once.",
    an_object({"id": _UUID, "operation_id": _UUID, "status": {"enum": ["queued"]}}),
    {"id": ID, "operation_id": OPERATION_ID, "status": "queued"},
    _LOCATION | _REPLAYED | RETRY_AFTER,
    status=202,
)


def _done(status: int, headers: dict[str, Any]) -> dict[int | str, Any]:
    return answer(
        "Applied, while you waited (`Prefer: wait`) or at once because the queue is away; `superseded` if newer"
        " writes had overtaken all that it set.",
        an_object(
            {"id": TEXT, "operation_id": TEXT, "status": {"enum": ["applied", "superseded"]}},
            {"name": TEXT, "email": TEXT, "created_at": TEXT, "updated_at": TEXT, "version": INTEGER},
        ),
        {"operation_id": OPERATION_ID, "status": "applied", **_EXAMPLE},
        _ETAG | headers,
        status=status,
    )


_APPLIED = _done(200, _REPLAYED)
_CREATED = _done(201, _LOCATION)
_WRITE_ERRORS = (
    InvalidRequest, InvalidCondition, KeyReused, RequestInProgress, PreconditionFailed, BodyTooLarge,
    QueueUnavailable, QueueFull, WritesUnavailable, OrderUnknown, DatabaseUnavailable, CircuitOpen, AcceptanceUnknown,
    AnswerOverdue, UserBacklog, WriteBacklog, WriteExpired,
)  # fmt: skip
_INVALID_EMAIL = InvalidRequest(
    "Email address format is invalid",
    code="INVALID_EMAIL_FORMAT",
    details={"field": "email", "value": "invalid-email", "constraint": "must be valid email format"},
)
_BODY_ERRORS = (_INVALID_EMAIL, MalformedJson, EmailTaken)
_READ_ERRORS = (InvalidRequest, DatabaseUnavailable, CircuitOpen)

CREATE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Create a user",
    "responses": _QUEUED | _CREATED | _APPLIED | errors(*_WRITE_ERRORS, *_BODY_ERRORS),
    "openapi_extra": body(UserBody, {"name": "Ada Lovelace", "email": "ada@example.com"}) | {"parameters": _NEW},
}
REPLACE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Replace a user",
    "responses": _QUEUED | _APPLIED | errors(*_WRITE_ERRORS, *_BODY_ERRORS, UserNotFound),
    "openapi_extra": body(UserBody, {"name": "Ada King", "email": "ada@example.com"}) | _CHANGE,
}
UPDATE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Change some of a user",
    "responses": _QUEUED | _APPLIED | errors(*_WRITE_ERRORS, *_BODY_ERRORS, UserNotFound),
    "openapi_extra": body(UserPatch, {"name": "Ada King"}) | _CHANGE,
}
DELETE: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Delete a user",
    "responses": _QUEUED | _APPLIED | errors(*_WRITE_ERRORS, UserNotFound),
    "openapi_extra": _CHANGE,
}
READ: dict[str, Any] = {
    "tags": ["users"],
    "summary": "Read a user, writes still on their way included",
    "responses": answer(
        "The user; `meta.pending` tells whether a write is still on its way (null: the queue does not answer),"
        " `meta.stale` that it is a copy.",
        _USER, _EXAMPLE, _ETAG | COPY_HEADERS, fallback=a_copy("cached_user"),
    )
    | {304: {"description": "The user is still at an ETag in If-None-Match.", "headers": _ETAG}}
    | errors(*_READ_ERRORS, InvalidCondition, PreconditionFailed, UserNotFound),
    "openapi_extra": {"parameters": [_IF_NONE_MATCH, FRESH, TIMEOUT]},
}  # fmt: skip
LIST: dict[str, Any] = {
    "tags": ["users"],
    "summary": "List users in the order of their creation",
    "responses": answer(
        "A page; `meta.next_cursor` leads to the next, null on the last. Writes on their way are not in it.",
        a_list(_USER), [_EXAMPLE], COPY_HEADERS, fallback=a_copy("cached_users"),
    )
    | errors(*_READ_ERRORS),
    "openapi_extra": {"parameters": [FRESH, TIMEOUT]},
}  # fmt: skip
