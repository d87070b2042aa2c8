"""OpenAPI parts of routes that read their request and write the envelope themselves, which FastAPI cannot derive."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from holdfast.shared.errors import (
    AppError,
    BodyTooLarge,
    DeadlineExceeded,
    InvalidParameter,
    NotAllowed,
    NotAuthenticated,
    Overloaded,
    TargetTooLong,
    Unexpected,
    UnsupportedEncoding,
    UnsupportedMediaType,
)
from holdfast.shared.http.envelope import status_of

TEXT: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
#: Errors of every route that reads a body.
_OF_A_BODY = (UnsupportedEncoding, UnsupportedMediaType)
#: Errors of every route.
_ANYWHERE = (NotAuthenticated, NotAllowed, InvalidParameter, TargetTooLong, Overloaded, DeadlineExceeded, Unexpected)


def an_object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """A schema that allows other properties."""
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def a_list(of: dict[str, Any]) -> dict[str, Any]:
    """A schema."""
    return {"type": "array", "items": of}


def header(description: str) -> dict[str, Any]:
    """A header of an answer."""
    return {"description": description, "schema": TEXT}


def parameter(name: str, description: str, example: str) -> dict[str, Any]:
    """A header of a request, never required."""
    return {
        "name": name,
        "in": "header",
        "required": False,
        "description": description,
        "schema": TEXT,
        "example": example,
    }


REQUEST_ID = {"X-Request-ID": header("This request's id; in our logs too")}
RETRY_AFTER = {"Retry-After": header("Seconds until asking again makes sense")}
#: What `shared/http/degraded.py` adds.
COPY_HEADERS = {
    "Age": header("Age of the copy in seconds; only on an answer from a copy"),
    "Cache-Status": header("RFC 9211; only on an answer from a copy"),
    "X-Degraded": header("Why this is a copy; only on an answer from a copy"),
}
TIMEOUT = parameter("X-Request-Timeout-Ms", "Answer within so many ms, 50 to 30000; lowers our limit only.", "2000")
ALLOW_FALLBACK = parameter("X-Allow-Fallback", "`false`: answer with an error rather than with a copy.", "false")

_ERROR = an_object(
    {"type": TEXT, "code": TEXT, "message": TEXT, "retryable": {"type": "boolean"}, "definite": {"type": "boolean"},
     "request_id": TEXT, "timestamp": TEXT},
    {"details": {"type": "object"}, "retry_after": INTEGER},
)  # fmt: skip
_FAILED = an_object({"success": {"const": False}, "error": _ERROR, "fallback_data": {"type": ["object", "null"]}})


def a_copy(name: str) -> dict[str, Any]:
    """The schema of `fallback_data` with a copy under `name`; a configured default has no age."""
    moment = {"type": ["string", "null"]}
    return an_object({name: {}, "cache_age": moment, "as_of": moment})


def answer(
    description: str,
    data: dict[str, Any],
    fallback: dict[str, Any] | None = None,
    *,
    status: int = 200,
    example: Any = None,
    headers: Mapping[str, Any] | None = None,
) -> dict[int | str, Any]:
    """The response of a success. `fallback`: the schema of `fallback_data` on an answer from a copy; `example`: of the
    data."""
    fine = an_object({"success": {"const": True}, "data": data, "meta": {"type": "object"}})
    degraded = an_object({"success": {"const": False}, "error": _ERROR, "fallback_data": fallback or {}})
    content: dict[str, Any] = {"schema": {"oneOf": [fine, degraded]} if fallback else fine}
    if example is not None:
        content["example"] = {"success": True, "data": example, "meta": {}}
    all_headers = REQUEST_ID | (RETRY_AFTER if fallback else {}) | dict(headers or {})
    return {status: {"description": description, "headers": all_headers, "content": {"application/json": content}}}


def errors(*named: type[AppError] | AppError, headers: Mapping[str, Any] | None = None) -> dict[int | str, Any]:
    """One response per status, with the meaning and an example of each code, those of every route included. An error
    given as an instance is its own example."""
    of_a_body = _OF_A_BODY if BodyTooLarge in named else ()
    every = [one if isinstance(one, AppError) else one() for one in dict.fromkeys((*named, *of_a_body, *_ANYWHERE))]
    by_status: dict[int, list[AppError]] = {}
    for error in every:
        by_status.setdefault(status_of(error), []).append(error)
    return {
        status: {
            "description": " ".join(f"`{error.code}`: {error.message}" for error in group),
            "headers": REQUEST_ID
            | dict(headers or {})
            | (RETRY_AFTER if any(error.retryable for error in group) else {}),
            "content": {
                "application/json": {
                    "schema": _FAILED,
                    "examples": {error.code: {"value": _example(error)} for error in group},
                },
                "application/problem+json": {"schema": {"type": "object"}},
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
    fields |= {"retryable": error.retryable, "definite": error.definite, "request_id": "req_123456789"}
    return {"success": False, "error": fields | {"timestamp": "2026-01-15T10:30:00Z"}, "fallback_data": None}


def component(name: str) -> dict[str, Any]:
    """A schema that the document has under a name; see `with_components`."""
    return {"$ref": f"#/components/schemas/{name}"}


def with_components(app: FastAPI, schemas: Mapping[str, Any]) -> None:
    """Put named schemas into the application's document."""
    written = app.openapi

    def openapi() -> dict[str, Any]:
        document = written()
        document.setdefault("components", {}).setdefault("schemas", {}).update(schemas)
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it


def body(schema: type[BaseModel] | dict[str, Any] | None, example: Any) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body itself. None: any JSON."""
    if not isinstance(schema, dict):
        schema = {} if schema is None else schema.model_json_schema()
    named = schema.pop("$defs", {})
    content = {"application/json": {"schema": _inline(schema, named), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _inline(schema: Any, named: dict[str, Any]) -> Any:
    """The schema without references: pydantic's point to a place that the document does not have."""
    if isinstance(schema, list):
        return [_inline(each, named) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None and (found := named.get(reference.rpartition("/")[2])) is not None:
        return _inline(found, named)
    return {key: _inline(value, named) for key, value in schema.items()}
