"""The world that all histories share."""

from collections.abc import Iterator

import pytest

from tests.convergence.world import World
from tests.servers import Database, RedisServer


@pytest.fixture(scope="module")
def world(redis_server: RedisServer, database: Database) -> Iterator[World]:
    """Connections for all histories of a file."""
    with World(redis_server, database) as world:
        yield world
