"""Convergence of a declared resource that has two unique fields."""

from collections.abc import Iterator

import pytest

from tests.articles import Article
from tests.convergence.histories import histories_of_two_values
from tests.convergence.lives import all_end_in_order, in_parts
from tests.convergence.world import Kind, World
from tests.servers import Database, RedisServer


@pytest.fixture(scope="module")
def world(declared: None, queue: RedisServer, stores: Database) -> Iterator[World]:
    """A world of articles: a title for each name, a slug for each address, and a DOI."""
    with World(queue, stores, Kind(Article.type, "title", "slug", {"body": "A\nbody."}, "doi")) as world:
        yield world


def slug(email: str) -> str:
    """Return the slug of an address: its part before the @ in lower case, because upper case makes no difference in an
    address."""
    return email.lower().partition("@")[0]


@pytest.mark.long
@in_parts
def test_every_article_and_operation_ends_as_in_the_order_of_acceptance(world: World, part: int) -> None:
    """Articles converge as users do, by the same model; if another article has either of the two unique values, the
    error names that value."""
    all_end_in_order(world, histories_of_two_values, part, examples=50, address=slug)
