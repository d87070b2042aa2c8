"""What the document says about the routes."""

from typing import Any

from shared.errors import (
    AppError,
    BodyTooLarge,
    CircuitOpen,
    ConfigUnavailable,
    InvalidRequest,
    MalformedJson,
    NotAllowed,
    NotAuthenticated,
    PreconditionFailed,
    ProxyBusy,
    UpstreamFailed,
    UpstreamInvalidAnswer,
    UpstreamOutcomeUnknown,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from shared.http.envelope import status_of


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": {"type": "string"}}


def _responses(answer: str, *errors: type[AppError]) -> dict[int | str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    responses: dict[int | str, Any] = {200: {"description": answer, "content": content}}
    for error in errors:
        sentence = " ".join((error.__doc__ or "").split())
        entry = responses.setdefault(status_of(error), {"description": "", "content": content})
        entry["description"] = f"{entry['description']} {error.code}: {sentence}".strip()
    return responses


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}}}}}
_UPSTREAM = (
    UpstreamTimeout, UpstreamUnreachable, UpstreamInvalidAnswer, UpstreamFailed, UpstreamRefused, UpstreamThrottled,
    ProxyBusy, CircuitOpen,
)  # fmt: skip
_OPERATORS = (NotAuthenticated, NotAllowed)
_TIMEOUT = _header("X-Request-Timeout-Ms", "Answer within so many ms.")
_IF_MATCH = _header("If-Match", "Change it only if it is still at this ETag.")

READ: dict[str, Any] = {
    "tags": ["third party"],
    "summary": "The third party's data, or its last good answer, or a default; `meta.fallback` says which",
    "responses": _responses("The data; with the breaker open as `fallback_data`.", *_UPSTREAM),
    "openapi_extra": {
        "parameters": [_TIMEOUT, _header("X-Allow-Fallback", "`false`: rather an error than anything but its answer.")]
    },
}
WRITE: dict[str, Any] = {
    "tags": ["third party"],
    "summary": "Send a document to the third party; attempted again only with an Idempotency-Key",
    "responses": _responses(
        "What it answered.", *_UPSTREAM, UpstreamOutcomeUnknown, InvalidRequest, MalformedJson, BodyTooLarge
    ),
    "openapi_extra": _BODY | {"parameters": [_TIMEOUT, _header("Idempotency-Key", "Passed on.")]},
}
CONFIG: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "The configuration in force",
    "responses": _responses("Its version is the ETag.", *_OPERATORS),
}
PUT_CONFIG: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Change the configuration: `{config, reason, for_s}`; what is left out is as in the settings",
    "responses": _responses(
        "In force here; other replicas follow within seconds.",
        *_OPERATORS, InvalidRequest, MalformedJson, BodyTooLarge, PreconditionFailed, ConfigUnavailable,
    ),
    "openapi_extra": _BODY | {"parameters": [_IF_MATCH]},
}  # fmt: skip
DELETE_CONFIG: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Go back to the settings: `{reason}`",
    "responses": PUT_CONFIG["responses"],
    "openapi_extra": _BODY | {"parameters": [_IF_MATCH]},
}
CHANGES: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "The last changes, newest first: who, when, why, before and after",
    "responses": _responses("At most 100.", *_OPERATORS, ConfigUnavailable),
}
