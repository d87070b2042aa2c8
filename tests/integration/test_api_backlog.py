"""Backpressure: a backlog that is too long makes the api refuse writes with a reason, and accept them again on its
own."""

import time
from pathlib import Path

import httpx

from tests import processes
from tests.client import WAIT
from tests.integration.conftest import StartWriter
from tests.integration.test_api_accepts import ADA, error_of
from tests.servers import Database, RedisServer, wait_until


def test_a_long_backlog_refuses_until_it_is_short(
    tmp_path: Path, own_redis: RedisServer, own_database: Database, start_writer: StartWriter
) -> None:
    """With a backlog that does not drain, writes get 503 with Retry-After and a definite error, and reads are still
    answered; when the backlog drains, writes get 202 again."""
    service = processes.api(tmp_path, own_redis.address, own_database.dsn, HOLDFAST_API_BACKLOG_MAX="10").start()
    with service.client() as client:

        def write() -> httpx.Response:
            return client.post("/users", json=ADA | {"email": f"ada{next(numbers)}@example.com"})

        numbers = iter(range(1_000_000))
        wait_until(lambda: write().status_code == 503, what="refused")
        with own_redis.client() as redis:
            depth = redis.xlen("{holdfast}:writes")
            refused = write()
            error = error_of(refused)
            assert (error["code"], error["retryable"], error["definite"]) == ("WRITE_BACKLOG", True, True)
            assert int(refused.headers["retry-after"]) >= 30, "nothing drains"
            assert redis.xlen("{holdfast}:writes") == depth
        assert client.get("/users").status_code == 200
        start_writer()
        wait_until(lambda: write().status_code == 202, what="accepted again")
    service.kill()


def test_one_locked_row_closes_the_shop_for_its_user_only(
    tmp_path: Path, own_redis: RedisServer, own_database: Database, start_writer: StartWriter
) -> None:
    """When an external lock blocks one user's row, writes of other users are applied, and once too many writes of the
    locked user wait, only that user's writes are refused."""
    start_writer()
    limits = {"HOLDFAST_API_BACKLOG_AGE_MAX_S": "0.5", "HOLDFAST_API_ENTITY_PENDING_MAX": "5"}
    service = processes.api(tmp_path, own_redis.address, own_database.dsn, **limits).start()
    with service.client() as client, own_database.connect() as person:
        locked = client.post("/users", json=ADA, headers=WAIT).json()["data"]["id"]
        person.begin()
        person.cursor().execute("SELECT * FROM users WHERE id = %s FOR UPDATE", (locked,))
        assert client.patch(f"/users/{locked}", json={"name": "waits"}).status_code == 202
        waiting_s = [0.0]

        def oldest_is_too_old() -> bool:
            other = client.post("/users", json=ADA | {"email": f"{len(waiting_s)}@example.com"}, headers=WAIT)
            assert other.status_code == 201, other.text
            with own_redis.client() as redis:
                [(entry_id, _)] = redis.xrange("{holdfast}:writes", count=1)
            waiting_s.append(time.time() - int(entry_id.split(b"-")[0]) / 1000)
            return waiting_s[-1] > 2

        wait_until(oldest_is_too_old, what="the locked write is older than the limit")
        wait_until(lambda: client.patch(f"/users/{locked}", json={"name": "more"}).status_code == 503, what="refused")
        refused = client.patch(f"/users/{locked}", json={"name": "more"})
        assert (error_of(refused)["code"], error_of(refused)["definite"]) == ("USER_BACKLOG", True)
        assert client.post("/users", json=ADA | {"email": "last@example.com"}, headers=WAIT).status_code == 201
        person.rollback()
        wait_until(
            lambda: client.patch(f"/users/{locked}", json={"name": "again"}).status_code == 202, what="open again"
        )
    service.kill()
