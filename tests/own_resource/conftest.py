"""A whole system for a resource of somebody's own: stores, an api, a writer, and a dlq_admin."""

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
    """The resource is declared in this process too."""
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
    """Another."""
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
    """Everything, and how a test uses it."""

    database: Database
    queue: RedisServer
    cache: RedisServer
    api: httpx.Client
    admin: httpx.Client
    stream: Stream

    def data(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """Of an answer of the api."""
        answer = self.api.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json()["data"]

    def error(self, method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        """Likewise."""
        answer = self.api.request(method, path, **more)
        assert answer.status_code == status, answer.text
        return dict(answer.json()["error"])

    def ended(self, answer: httpx.Response) -> dict[str, Any]:
        """What became of a write, whichever way it took: after an outage the queue is given them little by little."""
        if answer.status_code == 201:
            return dict(answer.json()["data"])
        assert answer.status_code == 202, answer.text
        operation = answer.headers["location"]
        over = self.eventually(lambda read: read.json().get("data", {}).get("done"), operation)
        wait_until(lambda: self.stream.backlog() == 0, what="it is settled")
        return dict(over.json()["data"])

    def operator(self, method: str, path: str, **more: Any) -> Any:
        """What dlq_admin answers an operator."""
        answer = self.admin.request(method, path, headers=keys.bearer(keys.OPERATOR), **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def eventually(self, condition: Callable[[httpx.Response], object], path: str) -> httpx.Response:
        """The first answer that is as it should be."""
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
    """Running."""
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
