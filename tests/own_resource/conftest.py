"""A whole system for a declared resource: stores, an api, a writer, and a dlq_admin."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.shared.domain.registry import domain
from tests import keys, processes
from tests.conftest import migrate
from tests.processes import QUICK, Service
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream

DOMAIN = {"HOLDFAST_DOMAIN": "tests.articles"}


@pytest.fixture(scope="module")
def declared() -> Iterator[None]:
    """The resource, declared in this process too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*next(iter(DOMAIN.items())))
        domain.cache_clear()
        yield
    domain.cache_clear()


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that the test may kill."""
    server = RedisServer(tmp_path_factory.mktemp("queue"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A second Redis, which does not persist, that the test may kill."""
    server = RedisServer(tmp_path_factory.mktemp("cache"), "--appendonly", "no")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with a table for the resource."""
    server = Database(tmp_path_factory.mktemp("database"))
    server.start()
    migrate(server.dsn, **DOMAIN)
    yield server
    server.kill()


@dataclass(frozen=True)
class System:
    """The stores and services, with helpers for tests."""

    database: Database
    queue: RedisServer
    cache: RedisServer
    api: httpx.Client
    admin: httpx.Client
    stream: Stream

    def data(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """Send a request to the api, check its status, and return the answer's data."""
        answer = self.api.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]

    def error(self, method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        """Send a request to the api, check its status, and return the answer's error."""
        answer = self.api.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return dict(answer.json()["error"])

    def ended(self, answer: httpx.Response) -> dict[str, Any]:
        """Return what became of a write that was accepted in either way: after an outage, the api ramps up the share of
        writes that it gives to the queue."""
        if answer.status_code == 201:
            return dict(answer.json()["data"])
        assert answer.status_code == 202, answer.text
        operation = answer.headers["location"]
        over = self.eventually(lambda read: read.json().get("data", {}).get("done"), operation)
        wait_until(lambda: self.stream.backlog() == 0, what="it is settled")
        return dict(over.json()["data"])

    def operator(self, method: str, path: str, **more: Any) -> Any:
        """Send an operator's request to dlq_admin, and return the answer's data."""
        answer = self.admin.request(method, path, headers=keys.bearer(keys.OPERATOR), **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def eventually(self, condition: Callable[[httpx.Response], object], path: str) -> httpx.Response:
        """Repeat a request until its answer meets the condition, and return the answer."""
        answers: list[httpx.Response] = []

        def met() -> object:
            answers.append(self.api.get(path))
            return condition(answers[-1])

        wait_until(met, what=f"GET {path} is as it should be")
        return answers[-1]


@pytest.fixture(scope="module")
def system(
    tmp_path_factory: pytest.TempPathFactory,
    declared: None,
    stores: Database,
    queue: RedisServer,
    cache: RedisServer,
) -> Iterator[System]:
    """The running system."""
    folder: Path = tmp_path_factory.mktemp("services")
    at = (folder, queue.address, stores.dsn)
    more = DOMAIN | {"HOLDFAST_CACHE_REDIS_ADDR": cache.address}
    services: list[Service] = [
        processes.api(*at, HOLDFAST_API_BREAKER_OPEN_S="0.3", **more),
        processes.writer(*at, **(QUICK | more)),
        processes.dlq_admin(*at, **more),
    ]
    with ExitStack() as stack:
        stack.enter_context(processes.running(*services))
        clients = [stack.enter_context(service.client()) for service in services]
        yield System(stores, queue, cache, clients[0], clients[2], Stream(queue, stores))
