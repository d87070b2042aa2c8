"""Kinds: a resource with a field of every type. One field is new, and one was removed."""

from typing import Annotated

from holdfast.shared.domain.field_types import Boolean, Email, Integer, Moment, Slug, Text
from holdfast.shared.domain.resource import Backfill, Resource, Unique


def doubled(value: str) -> str:
    """Return a unique key that is longer than its value."""
    return value * 2


class Kind(Resource, plural="kinds", removed=["price"]):
    """An entity with a field of every type."""

    text: Annotated[str, Text(max_chars=20)] | None = None
    page: Annotated[str, Text(max_chars=40, lines=True)] | None = None
    slug: Annotated[str, Slug(max_chars=8), Unique()] | None = None
    code: Annotated[str, Text(max_chars=300), Unique(key=doubled)] | None = None
    email: Annotated[str, Email(), Unique()] | None = None
    number: Annotated[int, Integer(least=-5, most=5)] | None = None
    flag: Annotated[bool, Boolean()] | None = None
    at: Annotated[str, Moment()] | None = None
    language: Annotated[str, Slug(), Backfill("en")]
