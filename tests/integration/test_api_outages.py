"""What a client sees while the queue, the database or both are away."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import processes
from tests.integration.conftest import StartWriter
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.servers import Database, RedisServer, wait_until

WAIT = {"Prefer": "wait=10"}


@pytest.fixture
def client(tmp_path: Path, own_redis: RedisServer, own_database: Database) -> Iterator[httpx.Client]:
    """Of an api on servers that the test may break."""
    service = processes.api(tmp_path, own_redis.address, own_database.dsn).start()
    with httpx.Client(base_url=service.url, timeout=20) as client:
        yield client
    service.kill()


def test_with_the_queue_down_a_write_goes_to_the_database(
    client: httpx.Client, own_redis: RedisServer, start_writer: StartWriter
) -> None:
    """201 at once; and when the queue is back, the next write comes after it."""
    start_writer()
    before = client.post("/users", json=ADA, headers=WAIT).json()["data"]
    own_redis.kill()
    created = client.post("/users", json={"name": "Eve", "email": "eve@example.com"})
    assert (created.status_code, created.json()["meta"]["way"]) == (201, "direct")
    assert client.patch(f"/users/{before['id']}", json={"name": "Direct"}).status_code == 200
    own_redis.start()
    wait_until(
        lambda: client.patch(f"/users/{before['id']}", json={"name": "Queued"}).status_code == 202, what="queued again"
    )
    wait_until(lambda: client.get(f"/users/{before['id']}").json()["data"]["name"] == "Queued", what="the last wins")


def test_a_direct_write_is_done_once_too(client: httpx.Client, own_redis: RedisServer, own_database: Database) -> None:
    """The same key again is the same user, and another body with it is refused."""
    own_redis.kill()
    headers = key()
    first, second = (client.post("/users", json=ADA, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert second.headers["idempotent-replayed"] == "true"
    assert (
        error_of(client.post("/users", json=ADA | {"name": "X"}, headers=headers))["code"] == "IDEMPOTENCY_KEY_REUSED"
    )
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), MAX(entry_id) FROM operations")
        assert cursor.fetchone() == (1, None)


def test_a_direct_write_is_recognised_by_the_queue_that_never_saw_it(
    client: httpx.Client, own_redis: RedisServer, start_writer: StartWriter
) -> None:
    """Its answer was lost; the same key again, with the queue back, is no conflict with itself."""
    own_redis.kill()
    headers = key()
    first = client.post("/users", json=ADA, headers=headers).json()["data"]["id"]
    own_redis.start()
    start_writer()
    other = client.post("/users", json={"name": "Eve", "email": ADA["email"]})
    assert other.status_code == 202  # holds the address on its way, to be rejected
    wait_until(
        lambda: (
            (again := client.post("/users", json=ADA, headers=headers)).status_code == 202
            and again.json()["data"]["id"] == first
        ),
        what="the same answer",
    )


def test_a_write_that_reached_a_frozen_queue_as_well_is_done_once(
    client: httpx.Client, own_redis: RedisServer, own_database: Database, start_writer: StartWriter
) -> None:
    """The queue hangs with the write in its socket; the api goes on without it; the writer finds a duplicate."""
    client.post("/users", json={"name": "Eve", "email": "eve@example.com"})  # leaves a warm connection
    own_redis.freeze()
    created = client.post("/users", json=ADA, headers=key())
    assert (created.status_code, created.json()["meta"]["way"]) == (201, "direct")
    own_redis.thaw()
    start_writer()
    with own_redis.client() as redis:
        wait_until(lambda: redis.hget("{holdfast}:ledger", "duplicates") == b"1", what="the copy is recognised")
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM users")
        assert cursor.fetchone() == (2,)


def test_what_needs_the_queue_to_be_decided_is_not_guessed(client: httpx.Client, own_redis: RedisServer) -> None:
    """An update of a user nobody knows may be ahead of a queued create: 503, and certain that nothing happened."""
    queued = client.post("/users", json=ADA).json()["data"]["id"]
    own_redis.kill()
    answer = client.patch(f"/users/{queued}", json={"name": "Ada King"})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["definite"]) == (503, "ORDER_UNKNOWN", True)
    assert "retry-after" in answer.headers


def test_with_the_database_down_writes_queue_and_are_readable(
    client: httpx.Client, own_database: Database, start_writer: StartWriter
) -> None:
    """202, readable as pending; other reads say honestly that they do not know; applied when it is back."""
    start_writer()
    own_database.kill()
    accepted = client.post("/users", json=ADA)
    assert accepted.status_code == 202
    user = f"/users/{accepted.json()['data']['id']}"
    assert client.get(user).json()["meta"]["pending"] is True
    unknown = client.get("/users/0198c0de-0000-7000-8000-000000000001")
    assert (unknown.status_code, error_of(unknown)["type"]) == (503, "database_error")
    own_database.start()
    wait_until(lambda: client.get(user).json()["meta"].get("pending") is False, what="applied")


def test_with_both_down_nothing_is_promised(
    client: httpx.Client, own_redis: RedisServer, own_database: Database
) -> None:
    """503, retryable, and certain that it did not happen; health still answers."""
    own_redis.kill()
    own_database.kill()
    answer = client.post("/users", json=ADA)
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (503, "WRITES_UNAVAILABLE")
    assert (error["retryable"], error["definite"]) == (True, True)
    assert client.get("/readyz").status_code == 200


def test_with_both_frozen_only_the_first_writers_wait(
    client: httpx.Client, own_redis: RedisServer, own_database: Database
) -> None:
    """When both breakers have opened, the refusal comes at once, and is as certain."""
    client.post("/users", json=ADA)
    client.get("/users")
    own_redis.freeze()
    own_database.freeze()

    def refused_at_once() -> bool:
        began = time.monotonic()
        answer = client.post("/users", json=ADA)
        at_once = time.monotonic() - began < 0.2
        return at_once and error_of(answer)["code"] == "WRITES_UNAVAILABLE" and error_of(answer)["definite"]

    wait_until(refused_at_once, deadline_s=60, what="refused at once")
    own_redis.thaw()
    own_database.thaw()
    wait_until(lambda: client.post("/users", json=ADA).status_code in (201, 202, 409), deadline_s=60, what="healed")
