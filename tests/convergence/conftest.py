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
    """Connections for all histories; no other test's horizon is left, before which every write would be too old."""
    return _world
