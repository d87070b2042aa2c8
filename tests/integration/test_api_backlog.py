"""Backpressure: a backlog that is too long refuses writes, honestly, and takes them again by itself."""

from pathlib import Path

import httpx

from tests import processes
from tests.integration.conftest import StartWriter
from tests.integration.test_api_accepts import ADA, error_of
from tests.servers import Database, RedisServer, wait_until


def test_a_long_backlog_refuses_until_it_is_short(
    tmp_path: Path, own_redis: RedisServer, own_database: Database, start_writer: StartWriter
) -> None:
    """503 with Retry-After while nothing drains, and certain that nothing happened; reads go on; 202 again later."""
    service = processes.api(tmp_path, own_redis.address, own_database.dsn, HOLDFAST_API_BACKLOG_MAX="10").start()
    with httpx.Client(base_url=service.url, timeout=20) as client:

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
