"""Bodies: cleans the body that a client sends and turns it into the values of a command, or refuses it with an error
for each field."""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import CoreConfig, ErrorDetails, SchemaValidator, core_schema

from holdfast.shared.domain.errors import InvalidValue
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.errors import (
    AppError,
    InvalidBody,
    InvalidType,
    MissingField,
    NothingToChange,
    UnknownField,
)
from holdfast.shared.http.body import MAX_BODY_BYTES
from holdfast.shared.runtime.documents import malformed, refuse_repeated_names

_VALUE_MAX_CHARS = 100
#: Bytes of a character outside Unicode's first plane, written as JSON escapes.
_CHAR_MAX_BYTES = 12


class Body(NamedTuple):
    """The form of a request body: a validator of JSON, and its JSON schema."""

    validator: SchemaValidator
    json_schema: dict[str, Any]


class Bodies(NamedTuple):
    """The request bodies of one resource: `whole` for POST and PUT, `part` for PATCH; each at most `max_bytes` long."""

    whole: Body
    part: Body
    max_bytes: int


@cache
def bodies_of(resource: ResourceType) -> Bodies:
    """Return the bodies of a resource, derived once from its declaration."""
    longest = sum(_CHAR_MAX_BYTES * each.type.column.size for each in resource.fields)
    required = [each.name for each in resource.fields if each.required]
    max_bytes = MAX_BODY_BYTES + (longest if longest > MAX_BODY_BYTES else 0)
    return Bodies(_body(resource, required), _body(resource, []), max_bytes)


def _body(resource: ResourceType, required: Collection[str]) -> Body:
    fields = {
        each.name: core_schema.typed_dict_field(TypeAdapter(_type(each)).core_schema, required=each.name in required)
        for each in resource.fields
    }
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {each.name: TypeAdapter(_type(each)).json_schema() for each in resource.fields},
        "additionalProperties": False,
    }
    return Body(
        SchemaValidator(core_schema.typed_dict_schema(fields, extra_behavior="forbid"), CoreConfig(strict=True)),
        schema | ({"required": list(required)} if required else {"minProperties": 1}),
    )


def _type(field: Field) -> Any:
    return field.typed if field.required else field.typed | None


def parse_whole(resource: ResourceType, body: bytes) -> dict[str, Any]:
    """Return the values of a Create or Replace. Raises InvalidRequest or MalformedJson."""
    sent = _parsed(resource, bodies_of(resource).whole, body)
    return {name: value for name, value in sent.items() if value is not None}


def parse_part(resource: ResourceType, body: bytes) -> dict[str, Any]:
    """Return the values of an Update: the fields that were sent. Raises InvalidRequest or MalformedJson."""
    sent = _parsed(resource, bodies_of(resource).part, body)
    if not sent:
        constraint = f"must have at least one of {', '.join(resource.by_name)}"
        raise NothingToChange(details={"field": None, "value": None, "constraint": constraint})
    return sent


def _parsed(resource: ResourceType, form: Body, body: bytes) -> dict[str, Any]:
    """Return the fields that were sent, in the order of their declaration."""
    try:
        sent: dict[str, Any] = form.validator.validate_json(body)
    except ValidationError as error:
        raise _refusal(resource, error, body) from None
    # A body with exactly one colon per field cannot contain a name twice, so few bodies are checked again.
    if body.count(b":") != len(sent):
        refuse_repeated_names(body)
    return sent


_TYPES = {"string": "must be a string", "integer": "must be a whole number", "boolean": "must be true or false"}


class _Problem(NamedTuple):
    error: AppError
    field: str | None
    value: str | None
    constraint: str

    @property
    def details(self) -> dict[str, Any]:
        return {"field": self.field, "value": self.value, "constraint": self.constraint}


def _refusal(resource: ResourceType, error: ValidationError, body: bytes) -> AppError:
    """Return the error of the first problem. If there are several problems, its details list all of them."""
    found = error.errors(include_url=False, include_context=False)
    if any(problem["type"] == "json_invalid" for problem in found):
        return malformed(body)
    problems = [_problem(resource.by_name, problem) for problem in found]
    first = problems[0]
    first.error.details = first.details
    if len(problems) > 1:
        first.error.details["errors"] = [{**problem.details, "code": problem.error.code} for problem in problems]
    return first.error


def _problem(fields: Mapping[str, Field], problem: ErrorDetails) -> _Problem:
    name = _printable(str(problem["loc"][0])[:_VALUE_MAX_CHARS]) if problem["loc"] else None
    field = fields.get(str(problem["loc"][0])) if problem["loc"] else None
    match problem["type"]:
        case "value_error" if field is not None:
            return _Problem(InvalidValue(field), name, _shown(problem["input"]), field.type.constraint)
        case "missing":
            return _Problem(MissingField(), name, None, "is required")
        case _ if field is not None:
            constraint = _TYPES[field.type.json_schema["type"]] if problem["input"] is not None else "must not be null"
            return _Problem(InvalidType(), name, None, constraint)
        case _ if name is None:
            return _Problem(InvalidBody("The request body must be a JSON object."), None, None, "must be a JSON object")
        case _:
            # The value of an unknown field may be a secret that was sent by mistake, so it is not sent back.
            return _Problem(UnknownField(), name, None, "is not a known field")


def _shown(value: Any) -> str | None:
    return _printable(value[:_VALUE_MAX_CHARS]) if isinstance(value, str) else None


def _printable(text: str) -> str:
    """Replace lone surrogates, which cannot be sent as UTF-8."""
    return text.encode("utf-8", "replace").decode()
