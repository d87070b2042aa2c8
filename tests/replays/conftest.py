"""A dlq_admin and a writer on the shared servers, and an operator."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from holdfast.services.api.candidate import Candidate
from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.names import DEAD
from holdfast.shared.store.engine import make_engine
from tests import keys, processes
from tests.client import client_of
from tests.conftest import empty
from tests.integration.test_writer_dead_letters import altered
from tests.processes import PATIENT_WRITER
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until
from tests.stream import Stream

OVER = {"done", "cancelled", "recalled"}
SHORT = "ALTER TABLE users MODIFY name VARCHAR(5) COLLATE utf8mb4_bin NOT NULL"
LONG = "ALTER TABLE users MODIFY name VARCHAR(200) COLLATE utf8mb4_bin NOT NULL"


@pytest.fixture(scope="module")
def dlq(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database) -> Iterator[Any]:
    """A dlq_admin in which a replay of more than 40 letters needs a second operator."""
    with redis_server.client() as redis:
        redis.flushall()
    service = processes.dlq_admin(
        tmp_path_factory.mktemp("dlq"), redis_server.address, database.dsn, HOLDFAST_DLQ_APPROVE_OVER="40",
        HOLDFAST_DLQ_LEASE_S="2", HOLDFAST_DLQ_AUDIT_EVERY_S="0.5",
    ).start()  # fmt: skip
    yield service
    service.kill()


@pytest.fixture(scope="module")
def writer(
    tmp_path_factory: pytest.TempPathFactory, dlq: processes.Service, redis_server: RedisServer, database: Database
) -> Iterator[processes.Service]:
    """A writer beside the dlq_admin."""
    service = processes.writer(
        tmp_path_factory.mktemp("writer"), redis_server.address, database.dsn, **PATIENT_WRITER,
        HOLDFAST_WRITER_DEAD_SHARE_MAX="1",
    ).start()  # fmt: skip
    yield service
    service.kill()


class Desk:
    """The actions of an operator."""

    def __init__(self, url: str, redis_server: RedisServer, database: Database) -> None:
        self.redis_server = redis_server
        self.database = database
        self.stream = Stream(redis_server, database)
        self.http = client_of(url)

    def ask(self, method: str, path: str, key: str = keys.OPERATOR, **more: Any) -> httpx.Response:
        """Send one request."""
        return self.http.request(method, path, headers=keys.bearer(key), **more)

    def data(self, method: str, path: str, key: str = keys.OPERATOR, **more: Any) -> Any:
        """Send one request, check that it succeeds, and return its data."""
        answer = self.ask(method, path, key, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def indexed(self) -> None:
        """Wait until every dead letter is in the table."""
        with self.redis_server.client() as client:
            wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")

    def bury(self, candidates: Sequence[Candidate]) -> list[str]:
        """Dead-letter writes by means of a column that is too short for a while. Return the ids of their letters, in
        order."""
        with altered(self.database, SHORT, LONG):
            self.stream.accept(candidates)
            wait_until(lambda: self.stream.backlog() == 0, what="dead")
        self.indexed()
        found = self.data("GET", "/dlq/letters", params={"limit": 500})
        by_operation = {each["operation_id"]: each["id"] for each in found}
        return [by_operation[each.operation_id] for each in candidates]

    def replay(self, selection: dict[str, Any], expected: int, **more: Any) -> Any:
        """Create a replay."""
        wish = {"selection": selection, "reason": "a test", "expected_count": expected, **more}
        return self.data("POST", "/dlq/replays", json=wish)

    def one(self, replay: Any) -> Any:
        """Return the replay as it is now."""
        return self.data("GET", f"/dlq/replays/{replay['id']}")

    def over(self, replay: Any) -> Any:
        """Wait until the replay is over, and return it."""
        wait_until(lambda: self.one(replay)["state"] in OVER, what=f"over: {self.one(replay)}")
        return self.one(replay)

    def outcomes(self, replay: Any) -> dict[str, str]:
        """Return the outcome of each letter of a replay."""
        items = self.data("GET", f"/dlq/replays/{replay['id']}/items", params={"limit": 1000})
        return {item["letter_id"]: item["outcome"] for item in items}

    def states(self, *ids: str) -> list[str]:
        """Return the states of letters."""
        return [self.data("GET", f"/dlq/letters/{each}")["state"] for each in ids]

    def say(self, replay: Any, word: str, key: str = keys.OPERATOR) -> Any:
        """Send a word, such as `pause`, to a replay."""
        return self.data("POST", f"/dlq/replays/{replay['id']}/{word}", key, json={"reason": "a test"})

    def balanced(self) -> bool:
        """Return whether the ledger balances now."""

        async def read() -> int:
            redis = connect(self.redis_server.address, PATIENT_REDIS)
            engine = make_engine(self.database.dsn, PATIENT_DATABASE, pool_size=2)
            try:
                return (await read_ledger(redis, engine)).missing
            finally:
                await redis.aclose()
                engine.dispose()

        return asyncio.run(read()) == 0


def _counts_from_here(database: Database) -> bool:
    """Return whether the auditor has found the database empty and begun the first epoch. A look that was under way when
    the tables were emptied may still begin an epoch from what it had counted before, and then no ledger balances, so
    such an epoch is deleted. The auditor makes one look at a time: after the first epoch, no earlier look is under
    way."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM queue_epochs WHERE cause <> 'first'")
        cursor.execute("SELECT epoch FROM queue_epochs WHERE cause = 'first'")
        return bool(cursor.fetchall())


@pytest.fixture
def desk(dlq: processes.Service, redis_server: RedisServer, database: Database) -> Iterator[Desk]:
    """An operator with an empty system. Only for tests that leave nothing unfinished."""
    with redis_server.client() as redis:
        for key in redis.scan_iter("*"):
            if not key.endswith((b":writes", b":dead")):
                redis.delete(key)
        for stream in ("{holdfast}:writes", "{holdfast}:dead"):
            # The stream may not exist yet if the services have just begun.
            wait_until(lambda stream=stream: redis.exists(stream) and not redis.xlen(stream), what=f"{stream} empty")  # type: ignore[misc]
            last = redis.xinfo_stream(stream)["last-generated-id"]
            redis.execute_command("XSETID", stream, last, "ENTRIESADDED", 0)  # the ledger counts from here
    empty(database)
    wait_until(lambda: _counts_from_here(database), what="the auditor's first epoch")
    desk = Desk(dlq.url, redis_server, database)
    yield desk
    desk.http.close()
