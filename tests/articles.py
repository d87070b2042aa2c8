"""Articles: a resource that only the tests declare, with the same declarations that any deployment uses."""

from typing import Annotated

from holdfast.shared.domain.field_types import Moment, Slug, Text
from holdfast.shared.domain.resource import Example, Public, Resource, Unique
from holdfast.shared.domain.users import User as User


class Article(Resource, plural="articles"):
    """A text with a slug."""

    slug: Annotated[str, Slug(), Unique(), Public(), Example("on-failing-well")]
    title: Annotated[str, Text(max_chars=200), Public(), Example("On failing well")]
    doi: Annotated[str, Text(max_chars=100), Unique(), Public()] | None = None
    body: Annotated[str, Text(max_chars=65_536, lines=True)]
    published_at: Annotated[str, Moment(), Public()] | None = None
