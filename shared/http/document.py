"""Document: OpenAPI parts of routes that read their request and write the envelope themselves, which FastAPI cannot
derive. An object's schema has a name; `shared/http/openapi.py` moves it to the document's named schemas."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from holdfast.shared.errors import (
    AppError,
    BodyTooLarge,
    CircuitOpen,
    DeadlineExceeded,
    InvalidHeader,
    InvalidParameter,
    InvalidTimeout,
    NotAllowed,
    NotAuthenticated,
    Overloaded,
    TargetTooLong,
    Unexpected,
    UnsupportedEncoding,
    UnsupportedMediaType,
)
from holdfast.shared.http.envelope import headers_of, status_of

TEXT: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
FLAG: dict[str, Any] = {"type": "boolean"}
MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}
#: Errors of every route that reads a body.
_OF_A_BODY = (UnsupportedEncoding, UnsupportedMediaType)
#: Errors of every route.
_ANYWHERE = (
    NotAuthenticated, NotAllowed, InvalidParameter, InvalidHeader, InvalidTimeout, TargetTooLong, Overloaded,
    DeadlineExceeded, Unexpected,
)  # fmt: skip
_EXAMPLE_ID = "req_123456789"
_EXAMPLE_TIME = "2026-01-15T10:30:00Z"


def an_object(name: str, required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object that allows other properties."""
    properties = required | (optional or {})
    return {"title": name, "type": "object", "required": list(required), "properties": properties}


def a_list(of: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list."""
    return {"type": "array", "items": of}


def one_of(*words: str) -> dict[str, Any]:
    """Return the schema of one of these words."""
    return {"type": "string", "enum": list(words)}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that also allows null."""
    if "title" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


def header(description: str) -> dict[str, Any]:
    """Return a header of an answer."""
    return {"description": description, "schema": TEXT}


def parameter(name: str, description: str, example: str, schema: dict[str, Any] = TEXT) -> dict[str, Any]:
    """Return a header of a request, never required."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": schema,
        "example": example,
    }


RETRY_AFTER = {"Retry-After": header("Seconds to wait before the next request")}
ETAG = {"ETag": header("The current version, for If-Match and If-None-Match")}
#: The headers that `shared/http/degraded.py` adds.
COPY_HEADERS = {
    "Age": header("Age of the copy in seconds; only if the answer is a copy"),
    "Cache-Status": header("How a cache answered (RFC 9211); only if the answer is a copy"),
    "X-Degraded": header("Why the answer is a copy; only if it is one"),
}
_OF_ERRORS = {
    "WWW-Authenticate": header("How to send an API key"),
    "Accept-Encoding": header("The encodings that a request body may have"),
}
TIMEOUT = parameter(
    "X-Request-Timeout-Ms",
    "Milliseconds within which to answer, 50 to 30000; can only shorten the service's own limit.",
    "2000",
)
_EITHER = one_of("true", "1", "yes", "false", "0", "no")
ALLOW_FALLBACK = parameter(
    "X-Allow-Fallback", "`false`: answer with an error rather than with a copy.", "false", _EITHER
)
EXPLAIN = parameter(
    "X-Explain", "`true`: keep an explanation of this request even if it simply succeeds.", "true", _EITHER
)

_FALLBACK_USED = an_object("FallbackUse", {"used": FLAG}, {"kind": or_null(TEXT), "reason": or_null(TEXT)})
#: The `meta` of every answer.
META = an_object(
    "Meta",
    {"request_id": TEXT},
    {
        "pending": or_null(FLAG) | {"description": "Whether an accepted write is not applied yet; null: unknown"},
        "next_cursor": {
            "type": ["string", "integer", "null"],
            "description": "The `cursor` of the next page; null on the last",
        },
        "limit": INTEGER,
        "stale": FLAG | {"description": "Whether the data are a copy, which may be out of date"},
        "age_s": or_null(NUMBER) | {"description": "Age of the copy in seconds"},
        "as_of": or_null(MOMENT),
        "source": TEXT | {"description": "Where the data are from"},
        "fallback": _FALLBACK_USED,
        "way": TEXT | {"description": "`queue` or `direct`: how the write reached the database"},
        "accepted_at": MOMENT,
        "version": INTEGER,
        "operation": TEXT | {"description": "Path of the operation"},
    },
)
ERROR = an_object(
    "Error",
    {
        "type": TEXT,
        "code": TEXT,
        "message": TEXT,
        "retryable": FLAG | {"description": "Whether the same request may succeed later"},
        "definite": FLAG | {"description": "Whether it is certain that the request had no effect"},
        "request_id": TEXT,
        "timestamp": MOMENT,
    },
    {
        "details": {"type": "object", "additionalProperties": True},
        "retry_after": INTEGER | {"description": "Seconds to wait before sending the request again"},
        "fallback_available": FLAG,
    },
)
_FAILED = an_object(
    "ErrorResponse",
    {"success": FLAG | {"const": False}, "error": ERROR, "fallback_data": {"type": "null"}},
)
_PROBLEM = an_object(
    "Problem",
    {
        "type": TEXT,
        "title": TEXT,
        "status": INTEGER,
        "instance": TEXT,
        "category": TEXT,
        "code": TEXT,
        "retryable": FLAG,
        "definite": FLAG,
        "timestamp": MOMENT,
    },
)


def answer(
    description: str,
    data: dict[str, Any],
    example: Any,
    *,
    name: str = "",
    status: int = 200,
    copy: str = "",
    headers: Mapping[str, Any] | None = None,
) -> dict[int | str, Any]:
    """Return the response of a success. `name`: required if the data's schema has no name; `example`: of the data;
    `copy`: the name of the data in `fallback_data` when they come from a copy."""
    name = name or name_of(data)
    schema = an_object(f"{name}Response", {"success": FLAG | {"const": True}, "data": data, "meta": META})
    meta = {"request_id": _EXAMPLE_ID}
    examples = {"usual": {"value": {"success": True, "data": example, "meta": meta}}}
    if copy:
        schema = {"oneOf": [schema, _degraded(name, copy, data)]}
        examples["from_a_copy"] = {"value": _degraded_example(copy, example)}
    content = {"schema": schema, "examples": examples}
    all_headers = ((RETRY_AFTER | COPY_HEADERS) if copy else {}) | dict(headers or {})
    return {status: {"description": description, "headers": all_headers, "content": {"application/json": content}}}


def name_of(data: Mapping[str, Any]) -> str:
    """Return the name of a schema: `User`, or `UserList` for a list."""
    return f"{name_of(data['items'])}List" if data.get("type") == "array" else str(data["title"])


def _degraded(name: str, copy: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of the circuit-breaker answer, with the data also in their usual place."""
    prefix = name if data else ""  # data of any kind get the plain name
    named = an_object(f"{name}Fallback", {copy: data, "cache_age": or_null(TEXT), "as_of": or_null(MOMENT)})
    return an_object(
        f"{prefix}CircuitBreakerResponse",
        {"success": FLAG | {"const": False}, "error": ERROR, "fallback_data": named, "data": data, "meta": META},
    )


def _degraded_example(copy: str, data: Any) -> dict[str, Any]:
    error = _example(CircuitOpen())["error"] | {"retry_after": 30, "fallback_available": True}
    about = {"stale": True, "age_s": 125.25, "as_of": "2026-01-15T10:27:54.750000Z", "source": "cache"}
    return {
        "success": False,
        "error": error,
        "fallback_data": {copy: data, "cache_age": "2 minutes", "as_of": about["as_of"]},
        "data": data,
        "meta": {"request_id": _EXAMPLE_ID, **about},
    }


def errors(*named: type[AppError] | AppError, headers: Mapping[str, Any] | None = None) -> dict[int | str, Any]:
    """Return one response per status, with the meaning and an example of each code, including those of every route. An
    error given as an instance is its own example."""
    of_a_body = _OF_A_BODY if BodyTooLarge in named else ()
    every = [one if isinstance(one, AppError) else one() for one in dict.fromkeys((*named, *of_a_body, *_ANYWHERE))]
    by_status: dict[int, list[AppError]] = {}
    for error in every:
        by_status.setdefault(status_of(error), []).append(error)
    return {
        status: {
            "description": " ".join(f"`{error.code}`: {error.message}" for error in group),
            "headers": dict(headers or {})
            | {name: _OF_ERRORS[name] for error in group for name in headers_of(error)}
            | (RETRY_AFTER if any(error.retryable for error in group) else {}),
            "content": {
                "application/json": {
                    "schema": _FAILED,
                    "examples": {error.code: {"value": _example(error)} for error in group},
                },
                "application/problem+json": {"schema": _PROBLEM},
            },
        }
        for status, group in by_status.items()
    }


def _example(error: AppError) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": error.type, "code": error.code, "message": error.message}
    if error.details is not None:
        fields["details"] = error.details
    if error.retryable:
        fields["retry_after"] = 1
    fields |= {"retryable": error.retryable, "definite": error.definite, "request_id": _EXAMPLE_ID}
    return {"success": False, "error": fields | {"timestamp": _EXAMPLE_TIME}, "fallback_data": None}


def body(schema: type[BaseModel] | dict[str, Any], example: Any) -> dict[str, Any]:
    """Return the `openapi_extra` of a route that reads its body itself."""
    return {"requestBody": RequestBody(schema, example)}


class RequestBody(dict[str, Any]):
    """The part of the document for a request's body. Creating a model's schema takes as long as creating its route, so
    the schema is created only when the document is requested."""

    def __init__(self, schema: type[BaseModel] | dict[str, Any], example: Any) -> None:
        super().__init__(required=True, content={})
        self._schema = schema
        self._example = example

    def written(self) -> dict[str, Any]:
        """Return the part with its schema and its example."""
        schema = self._schema
        if not isinstance(schema, dict):
            schema = schema.model_json_schema(ref_template=REFERENCE)
        return self | {"content": {"application/json": {"schema": schema, "example": self._example}}}


#: The location of the document's named schemas.
REFERENCE = "#/components/schemas/{model}"
