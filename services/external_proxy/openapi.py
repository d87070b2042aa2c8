"""OpenAPI: documents what FastAPI cannot see in the handlers: bodies, headers, and every response with its schema and
an example."""

from typing import Any

from holdfast.services.external_proxy.bodies import ConfigAsked, ConfigReverted
from holdfast.shared.errors import (
    BodyTooLarge,
    CircuitOpen,
    ConfigUnavailable,
    DocumentTooLarge,
    InvalidCondition,
    InvalidRequest,
    MalformedJson,
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
from holdfast.shared.http.document import (
    ALLOW_FALLBACK,
    ETAG,
    FLAG,
    INTEGER,
    MOMENT,
    TEXT,
    TIMEOUT,
    a_list,
    an_object,
    answer,
    body,
    errors,
    or_null,
    parameter,
)

_TIME = "2026-01-15T10:30:00.000000Z"
_UPSTREAM = (
    UpstreamTimeout, UpstreamUnreachable, UpstreamInvalidAnswer, UpstreamFailed, UpstreamRefused, UpstreamThrottled,
    ProxyBusy, CircuitOpen,
)  # fmt: skip
_KEY = parameter(
    "Idempotency-Key", "Passed on to the third party. A request without it is not retried.", "8f14e45f-ceea-467e"
)
_IF_MATCH = parameter("If-Match", "Change the configuration only if it is still at one of these ETags.", '"7"')
_DOCUMENT = {"source": "stand-in third party", "at": _TIME}
_CONFIG = an_object(
    "Configuration",
    {"version": INTEGER, "config": {"type": "object"}, "reverts_at": or_null(MOMENT), "changed_by": or_null(TEXT),
     "changed_at": or_null(MOMENT), "reason": or_null(TEXT), "store_answers": FLAG},
)  # fmt: skip
_CONFIG_EXAMPLE = {
    "version": 7, "config": {"breaker": {"open_s": 5}}, "reverts_at": None, "changed_by": "on-call",
    "changed_at": _TIME, "reason": "they recover slowly today", "store_answers": True,
}  # fmt: skip
_CHANGES = an_object("ConfigurationChanges", {"changes": a_list({"type": "object"})})
_CHANGE_EXAMPLE = {"version": 7, "actor": "on-call", "at": _TIME, "reason": "they recover slowly today"}
_CHANGE_ERRORS = (
    InvalidCondition,
    InvalidRequest,
    MalformedJson,
    BodyTooLarge,
    DocumentTooLarge,
    PreconditionFailed,
    ConfigUnavailable,
)

READ: dict[str, Any] = {
    "tags": ["third party"],
    "summary": "Read the third party's data or, if it fails, a copy or a default; `meta.fallback` says which",
    "responses": answer(
        "The data, or a copy of them.", {}, _DOCUMENT, name="Data", copy="cached_data",
    )
    | errors(*_UPSTREAM),
    "openapi_extra": {"parameters": [TIMEOUT, ALLOW_FALLBACK]},
}  # fmt: skip
WRITE: dict[str, Any] = {
    "tags": ["third party"],
    "summary": "Send a document to the third party; retried only with an Idempotency-Key",
    "responses": answer("The third party's answer.", {}, _DOCUMENT, name="Data")
    | answer("The third party's answer, which had the status 201.", {}, _DOCUMENT, name="Data", status=201)
    | errors(*_UPSTREAM, UpstreamOutcomeUnknown, InvalidRequest, MalformedJson, BodyTooLarge, DocumentTooLarge),
    "openapi_extra": body({}, {"any": "document"}) | {"parameters": [TIMEOUT, _KEY]},
}
CONFIG: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Read the configuration in force",
    "responses": answer("The configuration; its version is the ETag.", _CONFIG, _CONFIG_EXAMPLE, headers=ETAG)
    | errors(),
}
_CHANGED = answer(
    "The new configuration. It is in force in this replica; others follow within seconds.",
    _CONFIG,
    _CONFIG_EXAMPLE,
    headers=ETAG,
) | errors(*_CHANGE_ERRORS)
PUT_CONFIG: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Change the configuration: `{config, reason, for_s}`; omitted values are those of the settings",
    "responses": _CHANGED,
    "openapi_extra": body(
        ConfigAsked, {"config": {"breaker": {"open_s": 5}}, "reason": "they recover slowly today", "for_s": 3600}
    )
    | {"parameters": [_IF_MATCH]},
}
DELETE_CONFIG: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "Return to the configuration of the settings: `{reason}`",
    "responses": _CHANGED,
    "openapi_extra": body(ConfigReverted, {"reason": "they recovered"}) | {"parameters": [_IF_MATCH]},
}
CHANGES: dict[str, Any] = {
    "tags": ["operators"],
    "summary": "List the last changes, newest first: who, when, why, before and after",
    "responses": answer("The last changes, at most 100.", _CHANGES, {"changes": [_CHANGE_EXAMPLE]})
    | errors(ConfigUnavailable),
}
