"""The world that all histories share."""

from collections.abc import Iterator

import pytest

from tests.convergence.world import World
from tests.servers import Database, RedisServer


@pytest.fixture(scope="session")
def world(redis_server: RedisServer, database: Database) -> Iterator[World]:
    """Connections for all histories."""
    with World(redis_server, database) as world:
        yield world
