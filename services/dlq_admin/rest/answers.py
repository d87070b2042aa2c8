"""Answers: response models in the envelope, sent and documented from the same declaration."""

from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, WithJsonSchema, create_model
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS
from holdfast.shared.errors import AppError
from holdfast.shared.http.document import ERROR, META, RETRY_AFTER, body, errors
from holdfast.shared.http.envelope import success

_Failed = Annotated[dict[str, Any], WithJsonSchema(ERROR)]
_Meta = Annotated[dict[str, Any], WithJsonSchema(META)]


def documented(
    tag: str,
    summary: str,
    description: str,
    data: Any,
    *failures: type[AppError],
    sent: tuple[type[BaseModel], Any] | None = None,
    fallback: type[BaseModel] | None = None,
) -> dict[str, Any]:
    """Return a route's part of the OpenAPI document. `data`: a response model, a list of one, or a union, explained by
    `description`; `failures`: errors besides those of every route; `sent`: the model of the request body, and an
    example; `fallback`: the model of `fallback_data`, if the answer may come from another source."""
    model: Any = _answer(data)
    headers = {}
    if fallback is not None:
        model |= create_model(
            f"{fallback.__name__}Response",
            success=(Literal[False], ...),
            error=(_Failed, ...),
            fallback_data=(fallback, ...),
            data=(data, ...),
            meta=(_Meta, ...),
        )
        headers = RETRY_AFTER
    fine = {200: {"description": description, "headers": headers, "model": model}}
    route = {"tags": [tag], "summary": summary, "responses": fine | errors(*(BODY_ERRORS if sent else ()), *failures)}
    return route | ({"openapi_extra": body(*sent)} if sent else {})


@cache
def _answer(data: Any) -> type[BaseModel]:
    """Return the envelope around `data`: `GroupSummaryResponse`, `GroupSummaryListResponse`."""
    names = [each.__name__ for each in get_args(data) or (data,) if each is not NoneType]
    name = "Or".join(names) + ("List" if get_origin(data) is list else "") + "Response"
    return create_model(name, success=(Literal[True], ...), data=(data, ...), meta=(_Meta, ...))


def answered(request: Request, data: BaseModel | list[Any] | None) -> Response:
    """Return a successful answer."""
    return success(request, _plain(data))


def page(request: Request, data: list[Any], next_cursor: str | None) -> Response:
    """Return a page of a list, and the cursor of the next page."""
    return success(request, _plain(data), meta={"next_cursor": next_cursor})


def plain(model: BaseModel) -> dict[str, Any]:
    """Return the model as JSON values."""
    return model.model_dump(exclude_unset=True)


def _plain(data: BaseModel | list[Any] | None) -> Any:
    if isinstance(data, list):
        return [plain(each) for each in data]
    return None if data is None else plain(data)
