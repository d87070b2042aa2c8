"""Errors that name a resource. Their codes and messages are derived from its declaration: `USER_NOT_FOUND`."""

from collections.abc import Iterator
from typing import Any, ClassVar

from holdfast.shared.domain.registry import Domain
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.errors import AppError


class OfResource(AppError):
    """Base of these errors. `problem` ends the code; in `words` `{one}` and `{many}` stand for the resource."""

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
    """There is nothing with this id."""

    type = "not_found"
    problem = "NOT_FOUND"
    words = "There is no {one} with this id."


class EntityExists(OfResource):
    """There is something with this id."""

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


class ValueTaken(AppError):
    """Another entity has this value of a unique field."""

    type = "conflict"
    code = ""

    def __init__(self, field: Field, *, details: dict[str, Any] | None = None) -> None:
        unique = field.unique
        super().__init__(unique.message if unique else "", details=details)
        self.code = unique.code if unique else ""


def error_of_resource(resource: ResourceType, code: str, details: dict[str, Any] | None = None) -> AppError | None:
    """The error of a resource that has this code; None: it has none."""
    for error in (EntityNotFound, EntityExists, EntityBacklog):
        if resource.code(error.problem) == code:
            return error(resource, details=details)
    field = field_taken(resource, code)
    return ValueTaken(field, details=details) if field else None


def field_taken(resource: ResourceType, code: str) -> Field | None:
    """The unique field whose value is taken when an error has this code."""
    return next((field for field in resource.unique if field.unique and field.unique.code == code), None)


def catalogue(domain: Domain) -> Iterator[AppError]:
    """An example of each, of every resource."""
    for resource in domain.resources:
        yield from (error(resource) for error in (EntityNotFound, EntityExists, EntityBacklog))
        yield from (ValueTaken(field) for field in resource.unique)
