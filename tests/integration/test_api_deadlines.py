"""Deadlines: every request is answered within its own, and has no effect after it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from holdfast.shared.queue.names import WRITES
from tests import processes
from tests.client import WAIT
from tests.integration.conftest import StartWriter
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.servers import Database, RedisServer, wait_until

QUICKLY = {"X-Request-Timeout-Ms": "300"}


@pytest.fixture
def service(tmp_path: Path, own_redis: RedisServer, own_database: Database) -> processes.Service:
    """An api, not yet started, on servers that the test may break."""
    return processes.api(tmp_path, own_redis.address, own_database.dsn)


@pytest.fixture
def client(service: processes.Service) -> Iterator[httpx.Client]:
    """A client of the running service."""
    service.start()
    with service.client() as client:
        yield client
    service.kill()


@pytest.mark.parametrize("what", ["one user", "a page"])
def test_a_short_deadline_on_a_frozen_database_leaves_time_for_the_copy(
    what: str, client: httpx.Client, own_database: Database, start_writer: StartWriter
) -> None:
    """With a frozen database, a read with a short deadline is abandoned in time to answer with a stale copy, while the
    breaker is still closed. On a busy machine not every answer succeeds, as only 50 ms are reserved for the copy."""
    start_writer()
    user = client.post("/users", json=ADA, headers=WAIT).json()["data"]["id"]
    path = f"/users/{user}" if what == "one user" else "/users"
    client.get(path)
    own_database.freeze()
    answers = [client.get(path, headers=QUICKLY) for _ in range(3)]
    copies = [answer.json() for answer in answers if answer.status_code == 200]
    assert copies
    assert all(copy["meta"]["stale"] for copy in copies)
    assert {answer.status_code for answer in answers} <= {200, 504}


def test_a_write_whose_time_ends_says_what_it_may_have_become(client: httpx.Client, own_redis: RedisServer) -> None:
    """A write whose deadline passes gets an indefinite 504 with its operation id, and a retry with the same key returns
    that operation."""
    headers = key()
    client.get("/users")
    own_redis.freeze()
    answer = client.post("/users", json=ADA, headers=headers | QUICKLY)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["definite"]) == (504, "ANSWER_OVERDUE", False)
    operation = error["details"]["operation_id"]
    own_redis.thaw()

    def settled() -> bool:
        again = client.post("/users", json=ADA, headers=headers)
        return again.status_code in (201, 202) and again.json()["data"]["operation_id"] == operation

    wait_until(settled, what="the same operation")


def test_a_caller_who_waits_is_answered_in_time_that_the_write_is_queued(client: httpx.Client) -> None:
    """A caller that prefers to wait for longer than its deadline gets 202 within the deadline while no writer runs. On
    a busy machine not every answer succeeds, as only 50 ms are reserved for it."""
    headers = {"Prefer": "wait=5", "X-Request-Timeout-Ms": "500"}
    users = ({"name": "Eve", "email": f"eve{number}@example.com"} for number in range(5))
    assert 202 in (client.post("/users", json=user, headers=headers).status_code for user in users)


def test_a_queue_that_hangs_after_the_acceptance_leaves_time_for_the_answer(
    client: httpx.Client, own_redis: RedisServer
) -> None:
    """A caller with a key that prefers to wait gets 202 within its deadline if the queue hangs once it has the write.
    On a busy machine not every answer succeeds, as little time is reserved for it."""
    seen = set()
    for number in range(3):
        headers = key() | {"Prefer": "wait=5", "X-Request-Timeout-Ms": "2000"}
        eve = {"name": "Eve", "email": f"eve{number}@example.com"}
        with ThreadPoolExecutor(1) as pool, own_redis.client() as redis:
            waiting = pool.submit(client.post, "/users", json=eve, headers=headers)
            wait_until(lambda accepted=number + 1: redis.xlen(WRITES) == accepted, what="the queue has it")
            own_redis.freeze()
            try:
                seen.add(waiting.result().status_code)
            finally:
                own_redis.thaw()
        if 202 in seen:
            return
    assert 202 in seen


def test_a_write_past_its_time_ends_expired(client: httpx.Client, start_writer: StartWriter) -> None:
    """A write that is queued past its expiry ends expired, and one within its expiry is applied. A repetition with the
    key of the expired write gets that result for good, so its error is not retryable."""
    too_late = {"X-Expire-After-Ms": "1"} | key()
    late = client.post("/users", json=ADA, headers=too_late)
    eve = {"name": "Eve", "email": "eve@example.com"}
    in_time = client.post("/users", json=eve, headers={"X-Expire-After-Ms": "60000"})
    assert (late.status_code, in_time.status_code) == (202, 202)
    start_writer()

    def status(answer: httpx.Response) -> str:
        return str(client.get(answer.headers["location"]).json()["data"]["status"])

    wait_until(lambda: status(in_time) == "applied", what="applied")
    operation = client.get(late.headers["location"]).json()["data"]
    assert (operation["status"], operation["done"], operation["error"]["code"]) == ("expired", True, "WRITE_EXPIRED")
    assert client.get(f"/users/{late.json()['data']['id']}").status_code == 404
    repeated = error_of(client.post("/users", json=ADA, headers=too_late | WAIT))
    assert (repeated["code"], repeated["retryable"], repeated["definite"]) == ("WRITE_EXPIRED", False, True)
    again = client.post("/users", json=ADA, headers=WAIT)
    assert again.status_code == 201, "the address is free again"


@pytest.mark.parametrize("value", ["0", "-1", "86400001", "soon", "9" * 40])
def test_an_expiry_that_makes_no_sense_is_refused(client: httpx.Client, value: str) -> None:
    """A malformed or out-of-range `X-Expire-After-Ms` gets 422 with INVALID_EXPIRY."""
    answer = client.post("/users", json=ADA, headers={"X-Expire-After-Ms": value})
    assert (answer.status_code, error_of(answer)["code"]) == (422, "INVALID_EXPIRY")
