"""The world that all histories share."""

from collections.abc import Iterator

import pytest

from tests.convergence.world import World
from tests.servers import Database, RedisServer


@pytest.fixture(scope="session")
def _world(redis_server: RedisServer, database: Database) -> Iterator[World]:
    with World(redis_server, database) as world:
        yield world


@pytest.fixture
def world(_world: World, clean_database: Database) -> World:
    """The connections that all histories share, over an empty database: a horizon that another test left would make
    every write too old."""
    return _world
