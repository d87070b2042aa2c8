"""Bodies: what a person may send, cleaned and turned into a command, or refused field by field."""

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from holdfast.shared.domain.typed import EMAIL_MAX_CHARS, NAME_MAX_CHARS, clean_email, clean_name
from holdfast.shared.errors import AppError, InvalidBody, InvalidRequest, MalformedJson, NothingToChange
from holdfast.shared.runtime.documents import malformed

_VALUE_MAX_CHARS = 100
_NAME_CONSTRAINT = (
    f"must be 1 to {NAME_MAX_CHARS} characters, at least one of them visible,"
    " without control characters or marks of text direction"
)
_EMAIL_CONSTRAINT = "must be valid email format"

_Name = Annotated[
    str, AfterValidator(clean_name), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": NAME_MAX_CHARS})
]
_Email = Annotated[
    str,
    AfterValidator(clean_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": EMAIL_MAX_CHARS}),
]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class UserBody(_Body):
    """All of a user: for POST and PUT."""

    name: _Name
    email: _Email


class UserPatch(_Body):
    """Some of a user: for PATCH."""

    name: _Name | None = None
    email: _Email | None = None


_USER = TypeAdapter(UserBody)
_PATCH = TypeAdapter(UserPatch)


def parse_user(body: bytes) -> dict[str, str]:
    """The payload of a CreateUser or ReplaceUser. Raises InvalidRequest or MalformedJson."""
    try:
        user = _USER.validate_json(body)
    except ValidationError as error:
        raise _refusal(error, body) from None
    _refuse_repeated_keys(body, len(UserBody.model_fields))
    return {"name": user.name, "email": user.email}


def parse_patch(body: bytes) -> dict[str, str]:
    """The payload of an UpdateUser: the given fields. Raises InvalidRequest or MalformedJson."""
    try:
        patch = _PATCH.validate_json(body)
    except ValidationError as error:
        raise _refusal(error, body) from None
    _refuse_repeated_keys(body, len(patch.model_fields_set))
    given = {name: getattr(patch, name) for name in UserPatch.model_fields if name in patch.model_fields_set}
    if nulls := [name for name, value in given.items() if value is None]:
        raise _invalid([_told(name, None, "must not be null", "INVALID_TYPE") for name in nulls])
    if not given:
        raise NothingToChange(
            details={"field": None, "value": None, "constraint": "at least one of name, email"},
        )
    return given


def _refuse_repeated_keys(body: bytes, fields: int) -> None:
    """Of a key given twice the parser takes the last, and whoever looked before us may have taken the first. A body
    with as many colons as fields has no room for that, so few are looked at again. Raises MalformedJson.
    """
    if body.count(b":") == fields:
        return
    pairs: list[tuple[str, object]] = json.loads(body, object_pairs_hook=lambda found: found)
    keys = [key for key, _ in pairs]
    if repeated := [key for key in keys if keys.count(key) > 1]:
        constraint = "must not be given twice"
        raise MalformedJson(details={"field": repeated[0], "value": None, "constraint": constraint})


_MESSAGES = {
    "INVALID_EMAIL_FORMAT": "Email address format is invalid",
    "INVALID_NAME": "Name is invalid",
    "MISSING_FIELD": "A required field is missing",
    "UNKNOWN_FIELD": "The request has a field that is not known",
    "INVALID_TYPE": "A field has the wrong type",
    InvalidBody.code: "The request body must be a JSON object",
}


def _refusal(error: ValidationError, body: bytes) -> AppError:
    problems = error.errors(include_url=False, include_context=False)
    if any(problem["type"] == "json_invalid" for problem in problems):
        return malformed(body)
    return _invalid([_problem(problem) for problem in problems])


def _invalid(told: list[dict[str, Any]]) -> InvalidRequest:
    """The first problem inlined, all of them listed when there are several."""
    first = told[0]
    code = first.pop("_code")
    for other in told[1:]:
        other["code"] = other.pop("_code")
    details = dict(first)
    if len(told) > 1:
        details["errors"] = [{**first, "code": code}, *told[1:]]
    return InvalidRequest(_MESSAGES[code], code=code, details=details)


def _problem(problem: ErrorDetails) -> dict[str, Any]:
    field = str(problem["loc"][0])[:_VALUE_MAX_CHARS] if problem["loc"] else None
    match problem["type"]:
        case "email":
            return _told(field, problem["input"], _EMAIL_CONSTRAINT, "INVALID_EMAIL_FORMAT")
        case "name":
            return _told(field, problem["input"], _NAME_CONSTRAINT, "INVALID_NAME")
        case "missing":
            return _told(field, None, "is required", "MISSING_FIELD")
        case "extra_forbidden":
            # What an unknown field holds may be a secret sent by mistake: it is not sent back.
            return _told(field, None, "is not a known field", "UNKNOWN_FIELD")
        case _ if field is None:
            return _told(None, None, "must be a JSON object", InvalidBody.code)
        case _:
            return _told(field, None, "must be a string", "INVALID_TYPE")


def _told(field: str | None, value: Any, constraint: str, code: str) -> dict[str, Any]:
    shown = _printable(value[:_VALUE_MAX_CHARS]) if isinstance(value, str) else None
    return {"field": _printable(field) if field else field, "value": shown, "constraint": constraint, "_code": code}


def _printable(text: str) -> str:
    """Lone surrogates cannot be sent as UTF-8."""
    return text.encode("utf-8", "replace").decode()
