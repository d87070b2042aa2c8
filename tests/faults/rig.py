"""The rig: an api in front of servers that a test may break, with a fault proxy before each server."""

import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.faults.faults import Faults
from holdfast.shared.queue.names import WRITES
from tests import processes
from tests.integration.test_api_accepts import ADA, error_of, key
from tests.servers import START_DEADLINE_S, Database, RedisServer, wait_until
from tests.threaded_proxy import FaultProxy

AWAY = Faults(refuse=True, reset=True)
SILENT = Faults.both(blackhole=True)

NOBODY = "/users/0198c0de-0000-7000-8000-000000000001"

#: Seconds for a few requests in sequence, none of which may take longer than the api's own limit.
DEADLINE_S = 60.0

#: Seconds to recover: a breaker's pause, a few probes and a ramp.
HEALING_S = START_DEADLINE_S


@dataclass(frozen=True)
class Rig:
    """An api, the servers, and the proxies between them. The writers of a test reach the servers without the
    proxies."""

    database: Database
    queue: RedisServer
    cache: RedisServer
    to_database: FaultProxy
    to_queue: FaultProxy
    to_cache: FaultProxy
    api: processes.Service
    client: httpx.Client

    def known_user(self) -> str:
        """Return the path of a user that has been written (directly: no writer is needed), read, and copied into the
        cache."""
        self.to_queue.set(AWAY)
        created = self.client.post("/users", json=ADA)
        assert (created.status_code, created.json()["meta"]["way"]) == (201, "direct")
        self.to_queue.heal()
        path = created.headers["location"]
        self.wait_until_whole()
        wait_until(lambda: self.client.get(path).json()["meta"].get("pending") is False, what="the queue is asked")
        wait_until(lambda: self.client.get("/users").json()["success"], what="a page is read")
        copy = "holdfast:cache:user:" + path.removeprefix("/users/")
        with self.cache.client() as cache:
            wait_until(lambda: cache.exists(copy), what="copied")
        self.wait_until_whole()
        return path

    def sent(self, method: str, path: str, status: int, **more: Any) -> httpx.Response:
        """Send a write until it ends, with the same key, as long as the answer is retryable; check the status and
        return the answer. So a slow moment, or a store that has just failed, does not decide the result."""
        headers = {**key(), **more.pop("headers", {})}
        answers: list[httpx.Response] = []

        def ended() -> bool:
            answers[:] = [self.client.request(method, path, headers=headers, **more)]
            return answers[0].status_code < 400 or not error_of(answers[0])["retryable"]

        wait_until(ended, HEALING_S, f"{method} {path} ends")
        assert answers[0].status_code == status, answers[0].text
        return answers[0]

    def wait_until_whole(self, but: str = "") -> None:
        """Wait until the api considers its stores healthy, except `but`, whatever happened before."""

        def whole() -> bool:
            checks = self.client.get("/health").json()["data"]["checks"]
            return all(checks[store]["ok"] for store in {"queue", "database", "database_writes"} - {but})

        wait_until(whole, HEALING_S, "it is whole")

    def warm_up(self) -> None:
        """Wait until the queue has taken a write: Redis then knows the script, and a connection is open."""
        self.queued("Warm")

    def queued(self, name: str) -> httpx.Response:
        """Write a new user with an address of its own until the queue takes it, and return the answer. A slow write may
        go to the database instead."""
        answers: list[httpx.Response] = []

        def taken() -> bool:
            user = {"name": name, "email": f"{uuid.uuid4()}@example.com"}
            answers[:] = [self.client.post("/users", json=user)]
            return answers[0].status_code == 202

        wait_until(taken, HEALING_S, "the queue takes a write")
        return answers[0]

    def entries_of(self, operation_id: str) -> int:
        """Return the number of entries of one operation on the write stream."""
        with self.queue.client() as queue:
            return sum(fields[b"operation_id"].decode() == operation_id for _, fields in queue.xrange(WRITES))

    def open_breaker(self) -> None:
        """Request a user that does not exist until the database's breaker opens, several times at once, because each
        request may take long."""
        with ThreadPoolExecutor(6) as callers:
            list(callers.map(self.client.get, [NOBODY] * 6))
        self.while_open(NOBODY)

    def while_open(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Return the answer of the open breaker. It is open only for moments; a request that probes gets another
        answer."""
        answers: list[httpx.Response] = []

        def refused_by_the_breaker() -> bool:
            answers[:] = [self.client.get(path, headers=headers)]
            body = answers[0].json()
            return not body["success"] and body["error"]["code"] == "CIRCUIT_BREAKER_OPEN"

        wait_until(refused_by_the_breaker, HEALING_S, "the breaker is open")
        return answers[0]

    def count(self, table: str) -> int:
        """Return the number of rows of a table, or of a part of it: `users WHERE ...`."""
        with self.database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            row = cursor.fetchone()
            assert row
            return int(row[0])

    def backlog(self) -> int:
        """Return the number of entries on the write stream."""
        with self.queue.client() as queue:
            return int(queue.xlen(WRITES))

    def wait_until_fresh(self, path: str) -> None:
        """Wait until the database answers for `path` again."""

        def fresh() -> bool:
            body = self.client.get(path).json()
            return bool(body["success"])

        wait_until(fresh, HEALING_S, "it heals by itself")

    def wait_until_over(self, operation: str) -> dict[str, Any]:
        """Wait until the operation has ended in any way, and return its data."""

        def data() -> dict[str, Any]:
            return dict(self.client.get(operation).json().get("data") or {})

        wait_until(lambda: data().get("done"), HEALING_S, "over")
        return data()

    def wait_until_applied(self, operation: str) -> None:
        """Wait until the operation is applied."""
        wait_until(
            lambda: self.client.get(operation).json().get("data", {}).get("status") == "applied", HEALING_S, "applied"
        )


@contextmanager
def within(limit_s: float = DEADLINE_S) -> Iterator[None]:
    """Check that the block takes no longer than `limit_s`."""
    began = time.monotonic()
    yield
    took_s = time.monotonic() - began
    assert took_s <= limit_s, f"it took {took_s:.1f} s"


def refused(answer: httpx.Response, status: int, code: str, *, definite: bool = True) -> dict[str, Any]:
    """Check that the answer refuses the request for now and gives a Retry-After. Return its error."""
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (status, code)
    assert (error["retryable"], error["definite"]) == (True, definite)
    assert int(answer.headers["retry-after"]) == error["retry_after"] >= 1
    return error


def away(answer: httpx.Response) -> None:
    """Check that the answer is a 503 about the database: from the read itself, or from the breaker, if the api's own
    loops have opened it."""
    error = error_of(answer)
    assert error["code"] in ("DATABASE_UNAVAILABLE", "CIRCUIT_BREAKER_OPEN")
    refused(answer, 503, error["code"])


def stale(answer: httpx.Response) -> Any:
    """Check that the answer marks its data as a copy in every form the api has, and return the user or the users. The
    answer has the same form whether the breaker is open already or not."""
    body = answer.json()
    assert answer.status_code == 200
    assert {"age", "cache-status", "x-degraded"} <= set(answer.headers)
    assert set(body) == {"success", "error", "fallback_data", "data", "meta"}
    assert (body["success"], body["error"]["fallback_available"]) == (False, True)
    assert body["error"]["code"] in ("CIRCUIT_BREAKER_OPEN", "DATABASE_UNAVAILABLE", "DATABASE_SLOW", "OVERLOADED")
    assert (body["meta"]["stale"], body["meta"]["age_s"] >= 0) == (True, True)
    assert body["meta"]["request_id"] == body["error"]["request_id"] == answer.headers["x-request-id"]
    assert body["error"]["retry_after"] >= 1
    assert body["fallback_data"]["cache_age"].split()[1].rstrip("s") in ("second", "minute")
    [shown] = {"cached_user", "cached_users"} & set(body["fallback_data"])
    assert body["fallback_data"][shown] == body["data"]
    return body["data"]
