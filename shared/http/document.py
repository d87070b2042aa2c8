"""Document: what OpenAPI has to be told of a route that answers in the envelope."""

from typing import Any

from pydantic import BaseModel

from shared.errors import AppError, DeadlineExceeded, NotAllowed, NotAuthenticated, TargetTooLong, Unexpected
from shared.http.envelope import status_of

TEXT: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
#: What may come of any request, whatever it asks for.
_ANYWHERE = (NotAuthenticated, NotAllowed, TargetTooLong, DeadlineExceeded, Unexpected)
_REQUEST_ID = {"X-Request-ID": {"description": "This request's id; in our logs too", "schema": TEXT}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds until asking again makes sense", "schema": TEXT}}


def an_object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """A schema; nothing keeps other properties out."""
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def a_list(of: dict[str, Any]) -> dict[str, Any]:
    """A schema."""
    return {"type": "array", "items": of}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that null fits too."""
    return {"oneOf": [schema, {"type": "null"}]}


_ERROR = an_object(
    {"type": TEXT, "code": TEXT, "message": TEXT, "retryable": {"type": "boolean"}, "definite": {"type": "boolean"},
     "request_id": TEXT, "timestamp": TEXT},
    {"details": {"type": "object"}, "retry_after": INTEGER},
)  # fmt: skip


def answer(description: str, data: dict[str, Any], fallback: dict[str, Any] | None = None) -> dict[int | str, Any]:
    """The 200 response. `fallback`: what is in `fallback_data` when the answer does not come from where it should."""
    fine = an_object({"success": {"const": True}, "data": data, "meta": {"type": "object"}})
    degraded = an_object({"success": {"const": False}, "error": _ERROR, "fallback_data": fallback or {}})
    schema = {"oneOf": [fine, degraded]} if fallback else fine
    headers = _REQUEST_ID | (_RETRY_AFTER if fallback else {})
    return {200: {"description": description, "headers": headers, "content": {"application/json": {"schema": schema}}}}


def errors(*named: type[AppError]) -> dict[int | str, Any]:
    """One response a status, with what each code means."""
    by_status: dict[int, list[type[AppError]]] = {}
    for error in (*named, *_ANYWHERE):
        by_status.setdefault(status_of(error), []).append(error)
    failed = an_object({"success": {"const": False}, "error": _ERROR, "fallback_data": {"type": ["object", "null"]}})
    return {
        status: {
            "description": " ".join(f"`{each.code}`: {' '.join((each.__doc__ or '').split())}" for each in group),
            "headers": _REQUEST_ID | (_RETRY_AFTER if any(each.retryable for each in group) else {}),
            "content": {
                "application/json": {"schema": failed},
                "application/problem+json": {"schema": {"type": "object"}},
            },
        }
        for status, group in by_status.items()
    }


def body(model: type[BaseModel], example: dict[str, Any]) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body itself."""
    schema = model.model_json_schema()
    named = schema.pop("$defs", {})
    content = {"application/json": {"schema": _inline(schema, named), "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _inline(schema: Any, named: dict[str, Any]) -> Any:
    """References of pydantic's point where this schema will not be."""
    if isinstance(schema, list):
        return [_inline(each, named) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        return _inline(named[reference.rpartition("/")[2]], named)
    return {key: _inline(value, named) for key, value in schema.items()}
