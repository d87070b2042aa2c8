"""An api and a writer on the shared servers, one of each per module; every test finds the servers empty."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.agreement import agree
from holdfast.shared.queue.groups import ensure_groups
from tests import processes
from tests.conftest import empty
from tests.integration.partitioned import FOUR
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until
from tests.stream import Stream


@pytest.fixture(scope="module")
def api_service(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[processes.Service]:
    """An api."""
    with redis_server.client() as redis:
        redis.flushall()
    service = processes.api(tmp_path_factory.mktemp("api"), redis_server.address, database.dsn).start()
    yield service
    service.kill()


@pytest.fixture(scope="module")
def writer(
    tmp_path_factory: pytest.TempPathFactory,
    api_service: processes.Service,
    redis_server: RedisServer,
    database: Database,
) -> Iterator[processes.Service]:
    """A writer beside that api."""
    service = processes.writer(tmp_path_factory.mktemp("writer"), redis_server.address, database.dsn).start()
    yield service
    service.kill()


@pytest.fixture
def api(api_service: processes.Service, redis_server: RedisServer, database: Database) -> Iterator[httpx.Client]:
    """A client of the api, with its system empty. What an earlier test left on the queue is applied by a running
    writer, or removed here."""
    with redis_server.client() as redis:
        groups = redis.xinfo_groups("{holdfast}:writes") if redis.exists("{holdfast}:writes") else []
        if any(group["consumers"] for group in groups):
            wait_until(lambda: redis.xlen("{holdfast}:writes") == 0, what="the backlog is gone")
        else:
            redis.flushall()
    empty(database)
    with api_service.client() as client:
        yield client


@pytest.fixture
async def queue(clean_redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty queue of four partitions."""
    client = connect(clean_redis.address, PATIENT_REDIS)
    await agree(client, len(FOUR))
    await ensure_groups(client, FOUR)
    yield client
    await client.aclose()


StartWriter = Callable[..., processes.Service]


@pytest.fixture
def stream(own_redis: RedisServer, own_database: Database) -> Stream:
    """The write stream on servers that the test may break."""
    return Stream(own_redis, own_database)


@pytest.fixture
def start_writer(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[StartWriter]:
    """A function that starts writers with short waits on those servers: `start_writer("name", SETTING="value")`. The
    writers end with the test."""
    started: list[processes.Service] = []

    def start(
        name: str = "writer-1", module: str = "holdfast.services.writer", *, wait: bool = True, **more: str
    ) -> processes.Service:
        service = processes.writer(
            tmp_path, own_redis.address, own_database.dsn, name, module, **(processes.QUICK | more)
        )
        started.append(service)
        return service.start(wait=wait)

    yield start
    for service in started:
        service.kill()


@pytest.fixture(scope="module")
def _third_party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.ThirdParty]:
    service = processes.ThirdParty(tmp_path_factory.mktemp("third_party"))
    service.start()
    yield service
    service.kill()


@pytest.fixture
def third_party(_third_party: processes.ThirdParty) -> processes.ThirdParty:
    """The stand-in third party, which answers well and has received nothing."""
    _third_party.forget()
    return _third_party
