"""The rig, made anew for each test on servers that are started once."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.shared.queue.names import CLOCK
from holdfast.shared.writes.versions import wall_clock
from tests import processes
from tests.faults.rig import AWAY, Rig
from tests.servers import Database, RedisServer
from tests.threaded_proxy import FaultProxy

StartWriter = Callable[[], processes.Service]


@pytest.fixture(scope="session")
def _ways(
    _own_database: Database, _own_redis: RedisServer, _own_cache: RedisServer
) -> Iterator[tuple[FaultProxy, FaultProxy, FaultProxy]]:
    with ExitStack() as stack:
        database, queue, cache = (
            stack.enter_context(FaultProxy("127.0.0.1", server.port))
            for server in (_own_database, _own_redis, _own_cache)
        )
        yield database, queue, cache


@pytest.fixture
def rig(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    own_database: Database,
    own_redis: RedisServer,
    own_cache: RedisServer,
    _ways: tuple[FaultProxy, FaultProxy, FaultProxy],
) -> Iterator[Rig]:
    """A fresh api in front of servers, and proxies to them, that the test may break; all healthy and empty at first.
    The queue has its clock: without it, and without the database, there is no record of the highest version so far.
    Only in tests where a store hangs does the api give up soon: in all others, a slow moment of the machine must not
    count as a fault."""
    for way in _ways:
        way.heal()
    with own_redis.client() as client:
        client.set(CLOCK, wall_clock())
    database, queue, cache = (f"127.0.0.1:{way.port}" for way in _ways)
    dsn = own_database.dsn.replace(f"127.0.0.1:{own_database.port}", database)
    hasty = processes.HASTY_API if request.node.get_closest_marker("hangs") else {}
    more = {"HOLDFAST_CACHE_REDIS_ADDR": cache, "HOLDFAST_API_BREAKER_OPEN_S": "0.3"}
    api = processes.api(tmp_path, queue, dsn, **hasty, **more)
    with api.start().client() as http:
        yield Rig(own_database, own_redis, own_cache, *_ways, api, http)
    api.kill()
    for way in _ways:  # data that is held back would reach the emptied servers of the next test
        way.set(AWAY)


@pytest.fixture
def start_writer(
    tmp_path: Path, own_redis: RedisServer, own_database: Database, own_cache: RedisServer
) -> Iterator[StartWriter]:
    """A function that starts a writer with short waits. The writer ends with the test."""
    started: list[processes.Service] = []

    def start() -> processes.Service:
        more = processes.QUICK | {"HOLDFAST_CACHE_REDIS_ADDR": own_cache.address}
        started.append(processes.writer(tmp_path, own_redis.address, own_database.dsn, **more))
        return started[-1].start()

    yield start
    for service in started:
        service.kill()


@pytest.fixture
def writer(start_writer: StartWriter) -> processes.Service:
    """A writer that runs from the beginning."""
    return start_writer()
