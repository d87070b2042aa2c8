"""Errors of resources: errors that name a resource. Their codes and messages are derived from its declaration:
`USER_NOT_FOUND`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from holdfast.shared.domain.resource import DeclarationError, Field, ResourceType
from holdfast.shared.errors import AppError, InvalidRequest
from holdfast.shared.errors import catalogue as without_a_resource


class OfResource(AppError):
    """The base of these errors. `problem` ends the code; `{one}` and `{many}` in `words` stand for the resource."""

    code = ""
    problem: ClassVar[str] = ""
    words: ClassVar[str] = ""

    def __init__(
        self, resource: ResourceType, *, details: dict[str, Any] | None = None, retry_after_s: int | None = None
    ) -> None:
        message = self.words.format(one=resource.one, many=resource.many, a_one=resource.a_one)
        super().__init__(f"{message[0].upper()}{message[1:]}", details=details, retry_after_s=retry_after_s)
        self.code = resource.code(self.problem)


class EntityNotFound(OfResource):
    """There is no entity with this id."""

    type = "not_found"
    problem = "NOT_FOUND"
    words = "There is no {one} with this id."


class EntityExists(OfResource):
    """An entity with this id exists."""

    type = "conflict"
    problem = "EXISTS"
    words = "{a_one} with this id exists."


class EntityBacklog(OfResource):
    """Too many writes of one entity wait to be applied."""

    type = "service_unavailable"
    problem = "BACKLOG"
    words = (
        "Too many writes of this {one} wait to be applied; this one did not happen."
        " Writes of other {many} are accepted."
    )
    retryable = True


class InvalidValue(InvalidRequest):
    """A field has a value that its declaration does not allow."""

    code = ""

    def __init__(self, field: Field, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(field.message, details=details)
        self.code = field.code


class ValueTaken(AppError):
    """Another entity has this value of a unique field."""

    type = "conflict"
    code = ""

    def __init__(self, field: Field, value: Any = None, *, details: Mapping[str, Any] | None = None) -> None:
        """Create the error. `value`: the value that is taken, if the request is available."""
        about = {"field": field.name, "value": value, "constraint": "must be unique"}
        unique = field.unique
        super().__init__(unique.message if unique else "", details={**about, **(details or {})})
        self.code = unique.code if unique else ""


_OF_ALL = (EntityNotFound, EntityExists, EntityBacklog)


def error_of_resource(
    resource: ResourceType, code: str, values: Mapping[str, Any], details: dict[str, Any] | None = None
) -> AppError | None:
    """Return the error of a resource that has this code, or None. `values`: those of the command, if it is
    available."""
    for error in _OF_ALL:
        if resource.code(error.problem) == code:
            return error(resource, details=details)
    field = field_taken(resource, code)
    return ValueTaken(field, values.get(field.name), details=details) if field else None


def field_taken(resource: ResourceType, code: str) -> Field | None:
    """Return the unique field whose value is taken if an error has this code, or None."""
    return next((field for field in resource.unique if field.unique and field.unique.code == code), None)


def catalogue(resources: Iterable[ResourceType]) -> Iterator[AppError]:
    """Yield an example of each error of every resource."""
    for resource in resources:
        yield from (InvalidValue(field) for field in resource.fields)
        yield from (error(resource) for error in _OF_ALL)
        yield from (ValueTaken(field) for field in resource.unique)


_INVALID = "a request that is not valid"


def check_codes(resources: Iterable[ResourceType]) -> None:
    """Check that each error code has only one meaning. Raises DeclarationError."""
    meanings = {
        error.code: _INVALID if issubclass(error, InvalidRequest) else "an error of Holdfast's own"
        for error in without_a_resource()
    }
    for resource in resources:
        for where, code, meaning in _codes(resource):
            known = meanings.setdefault(code, meaning)
            if known != meaning and (known != _INVALID or not meaning.startswith(_INVALID)):
                another = ": give it another one, as in Slug(code=...) or Unique(code=...)" if "." in where else ""
                raise DeclarationError(f"{where}: the error code {code} stands for {known} already{another}")
        taken = [field.unique.code for field in resource.unique if field.unique]
        if twice := sorted({code for code in taken if taken.count(code) > 1}):
            raise DeclarationError(f"{resource.name}: two unique fields have the error code {', '.join(twice)}")


def _codes(resource: ResourceType) -> Iterator[tuple[str, str, str]]:
    """Yield for each error where it is declared, its code, and what it means."""
    for error in _OF_ALL:
        yield resource.name, resource.code(error.problem), f"{error.problem} of a resource"
    for field in resource.fields:
        where = f"{resource.name}.{field.name}"
        yield where, field.code, f"{_INVALID}, with the message {field.message!r}"
        if field.unique:
            yield where, field.unique.code, "a value that is taken"
