"""Answers: converts the exceptions of an application to our errors."""

from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from holdfast.shared.errors import (
    AppError,
    BodyTooLarge,
    InvalidRequest,
    MalformedJson,
    MethodNotAllowed,
    NoSuchPath,
    Unexpected,
)
from holdfast.shared.http.envelope import route_of
from holdfast.shared.http.query import refusal
from holdfast.shared.runtime.problems import constraint_of
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_SHOWN_MAX_CHARS = 100
_PATH_MAX_CHARS = 200


def error_of(error: Exception, scope: Scope) -> AppError:
    """Return the error itself if it is ours, or our error for one of Starlette or FastAPI. Any other exception is
    logged, counted, and answered as unexpected."""
    if isinstance(error, AppError):
        return error
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    known = _of_starlette(error, scope) if isinstance(error, HTTPException) else None
    if known is not None:
        return known
    metrics.panics.inc()
    logs.error(Action.PANIC_RECOVERED, exc=error, request_id=scope["request_id"], route=route_of(scope))
    return Unexpected()


def _of_starlette(error: HTTPException, scope: Scope) -> AppError | None:
    match error.status_code:
        case 404:
            return NoSuchPath(details={"path": scope["path"][:_PATH_MAX_CHARS]})
        case 405:
            return MethodNotAllowed()
        case 413:
            return BodyTooLarge()
        case 400:
            return MalformedJson("The request is malformed.")
        case _:
            return None


def _invalid(error: RequestValidationError) -> InvalidRequest:
    """Return the error for a path or query parameter of the wrong form."""
    return refusal([_problem(one) for one in error.errors()])


def _problem(one: Any) -> dict[str, Any]:
    sent = one.get("input")
    place = one["loc"][1:]  # the first is `path` or `query`; after the name comes the place in a list
    return {
        "field": str(place[0]) if place else None,
        "value": str(sent)[:_SHOWN_MAX_CHARS] if isinstance(sent, str | int | float) else None,
        "constraint": constraint_of(one),
    }
