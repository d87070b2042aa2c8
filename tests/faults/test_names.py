"""DNS that does not know a name, or hangs: services start and answer, and requests that need no new connection
succeed."""

from pathlib import Path

import httpx

from holdfast.shared.queue.names import CLOCK
from holdfast.shared.writes.versions import wall_clock
from tests import processes
from tests.database_faults import end_connections
from tests.faults.rig import DEADLINE_S, HEALING_S, NOBODY, within
from tests.integration.test_api_accepts import ADA
from tests.servers import Database, RedisServer, wait_until

#: RFC 2606 reserves this domain, so the name never exists.
_NOWHERE = "store.invalid"


def by_name(dsn: str, name: str) -> str:
    """Return the DSN of the same database by a host name."""
    return dsn.replace("@127.0.0.1:", f"@{name}:")


def test_no_name_is_known(tmp_path: Path, own_redis: RedisServer, own_database: Database) -> None:
    """With unknown names, an api that finds one store writes to it, and one that finds none answers with a retryable
    error. Both start and are alive."""
    unknown = {"HOLDFAST_CACHE_REDIS_ADDR": f"{_NOWHERE}:6379", "HOLDFAST_API_EXTERNAL_PROXY_URL": f"http://{_NOWHERE}"}
    stores = [(f"{_NOWHERE}:6379", own_database.dsn), (f"{_NOWHERE}:6379", by_name(own_database.dsn, _NOWHERE))]
    one, none = services = [
        processes.api(tmp_path, queue, dsn, **unknown, **more)
        for (queue, dsn), more in zip(stores, ({}, processes.HASTY_API), strict=True)
    ]
    with processes.running(*services):
        with httpx.Client(base_url=one.url, timeout=4 * DEADLINE_S) as client:
            wait_until(lambda: client.post("/users", json=ADA).status_code == 201, HEALING_S, "written directly")
            wait_until(lambda: client.get("/users").json()["data"], HEALING_S, "read")
        with httpx.Client(base_url=none.url, timeout=4 * DEADLINE_S) as client, within(4 * DEADLINE_S):
            for refused in (client.post("/users", json=ADA), client.get(NOBODY), client.get("/external-api")):
                assert refused.status_code in (503, 504)
                assert refused.json()["error"]["retryable"] is True


def test_a_resolver_that_hangs(tmp_path: Path, own_redis: RedisServer, own_database: Database) -> None:
    """While the resolver hangs, no request waits for it: reads are answered in time, writes queue and health answers.
    The api recovers without intervention."""
    hangs = tmp_path / "hangs"
    api = processes.api(
        tmp_path, own_redis.address, by_name(own_database.dsn, "database.test"), "tests.faults.hanging_names",
        HANGS=str(hangs), HOLDFAST_API_BREAKER_OPEN_S="0.3", HOLDFAST_API_READ_TIMEOUT_S="0.5",
        HOLDFAST_DB_CHECKOUT_TIMEOUT_S="0.3",
    )  # fmt: skip
    try:
        with httpx.Client(base_url=api.start().url, timeout=4 * DEADLINE_S) as client:
            wait_until(lambda: client.get("/users").json()["success"], HEALING_S, "it reads")
            with own_redis.client() as queue:
                queue.set(CLOCK, wall_clock())  # otherwise the database is asked for the highest version
            hangs.touch()
            end_connections(own_database)
            wait_until(lambda: not client.get(NOBODY).json()["success"], HEALING_S, "nothing new is read")
            with within():
                for _ in range(8):
                    assert client.get(NOBODY).status_code == 503
                assert client.post("/users", json=ADA).status_code == 202
                assert client.get("/livez").status_code == 200
            hangs.unlink()
            wait_until(lambda: client.get(NOBODY).status_code == 404, HEALING_S, "it heals by itself")
    finally:
        api.kill()
