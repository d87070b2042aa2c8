"""Reads while the database is down or hangs: a copy at once, marked as one; never a guess."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from tests import processes
from tests.integration.conftest import StartWriter
from tests.integration.test_api_accepts import ADA, error_of
from tests.servers import Database, RedisServer, wait_until

WAIT = {"Prefer": "wait=10"}
NOBODY = "/users/0198c0de-0000-7000-8000-000000000001"


@pytest.fixture
def client(
    tmp_path: Path, own_redis: RedisServer, own_database: Database, start_writer: StartWriter
) -> Iterator[httpx.Client]:
    """Of an api with a writer, on servers that the test may break."""
    start_writer()
    service = processes.api(tmp_path, own_redis.address, own_database.dsn).start()
    with httpx.Client(base_url=service.url, timeout=20) as client:
        yield client
    service.kill()


def known_user(client: httpx.Client) -> str:
    """The path of a user that has been read, and so copied."""
    path = f"/users/{client.post('/users', json=ADA, headers=WAIT).json()['data']['id']}"
    assert client.get(path).json()["meta"]["pending"] is False
    assert client.get("/users").status_code == 200
    return path


def open_breaker(client: httpx.Client) -> None:
    """Fail until the breaker says so itself."""
    wait_until(lambda: error_of(client.get(NOBODY))["code"] == "CIRCUIT_BREAKER_OPEN", what="the breaker is open")


def test_a_frozen_database_costs_one_deadline_and_then_nothing(client: httpx.Client, own_database: Database) -> None:
    """The first reads answer from the copy, marked stale; with the breaker open it is the mission's answer."""
    path = known_user(client)
    own_database.freeze()
    stale = client.get(path)
    assert (stale.status_code, stale.json()["data"]["name"]) == (200, "Ada")
    assert stale.json()["meta"]["stale"] is True
    assert {"age", "cache-status", "x-degraded"} <= set(stale.headers)
    open_breaker(client)
    began = time.monotonic()
    answer = client.get(path)
    took_s = time.monotonic() - began
    body = answer.json()
    assert (answer.status_code, body["success"]) == (200, False)
    assert (body["error"]["type"], body["error"]["code"]) == ("service_unavailable", "CIRCUIT_BREAKER_OPEN")
    assert body["error"]["fallback_available"] is True
    assert body["error"]["retry_after"] >= 1
    assert body["fallback_data"]["cached_user"]["name"] == "Ada"
    assert "second" in body["fallback_data"]["cache_age"]
    assert took_s < 1, "nothing is asked of a database that hangs"
    listed = client.get("/users").json()
    assert [user["name"] for user in listed["fallback_data"]["cached_users"]] == ["Ada"]
    own_database.thaw()
    wait_until(lambda: client.get(path).json()["success"], deadline_s=60, what="it heals by itself")


def test_what_nobody_knows_is_not_a_404(client: httpx.Client, own_database: Database) -> None:
    """503 with Retry-After, for a user without a copy and for a caller who wants no copies."""
    path = known_user(client)
    own_database.kill()
    open_breaker(client)
    unknown = client.get(NOBODY)
    assert (unknown.status_code, error_of(unknown)["fallback_available"]) == (503, False)
    assert "retry-after" in unknown.headers
    assert client.get(path, headers={"Cache-Control": "no-cache"}).status_code == 503
    assert client.get(path).status_code == 200


def test_with_the_cache_gone_too_the_process_remembers(
    client: httpx.Client, own_redis: RedisServer, own_database: Database
) -> None:
    """The last-known copy of this process is better than nothing, and says how old it is."""
    path = known_user(client)
    with own_redis.client() as redis:
        wait_until(lambda: redis.exists("holdfast:cache:" + path.strip("/").replace("/", ":").replace("users", "user")),
                   what="copied")  # fmt: skip
    own_database.kill()
    own_redis.kill()
    open_breaker(client)
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json()["fallback_data"]["cached_user"]["email"] == "ada@example.com"


def test_health_answers_while_reads_hang(client: httpx.Client, own_database: Database) -> None:
    """Thirty readers of a frozen database do not keep /livez from answering."""
    own_database.freeze()
    with httpx.Client(base_url=client.base_url, timeout=20) as other:
        import concurrent.futures as futures

        with futures.ThreadPoolExecutor(30) as pool:
            hung = [pool.submit(client.get, NOBODY) for _ in range(30)]
            answered_first = 0
            while not all(future.done() for future in hung):
                assert other.get("/livez").status_code == 200
                answered_first += 1
            assert {future.result().status_code for future in hung} == {503}
    assert answered_first > 3
    own_database.thaw()


def test_what_was_written_and_never_read_has_a_copy(
    client: httpx.Client, own_redis: RedisServer, own_database: Database
) -> None:
    """The writer leaves one after each commit; a copy is never older than one that was there."""
    created = client.post("/users", json=ADA, headers=WAIT).json()["data"]["id"]
    client.patch(f"/users/{created}", json={"name": "Ada King"}, headers=WAIT)
    wait_until(lambda: copied_name(own_redis, created) == "Ada King", what="copied")
    own_database.kill()
    open_breaker(client)
    assert client.get(f"/users/{created}").json()["fallback_data"]["cached_user"]["name"] == "Ada King"


def copied_name(server: RedisServer, user_id: str) -> str | None:
    """The name in the cache's copy of a user."""
    with server.client() as cache:
        value = cache.get(f"holdfast:cache:user:{user_id}")
    return orjson.loads(value)[2][0][1] if value else None
