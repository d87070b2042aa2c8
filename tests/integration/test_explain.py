"""`GET /requests/{id}` explains from a request's id why it was answered as it was, on running services, some of them
without stores."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests import keys, processes
from tests.external import NO_FALLBACK, NOWHERE, PATIENT
from tests.keys import bearer
from tests.processes import QUICK, ThirdParty
from tests.servers import Database, RedisServer, wait_until

Start = Callable[..., None]

_ADA = {"name": "Ada Lovelace", "email": "ada@example.com"}


class Case(NamedTuple):
    """An api, and a dlq_admin that explains the api's requests."""

    api: httpx.Client
    dlq: httpx.Client

    def explained(self, request_id: str, parts: int = 1) -> dict[str, Any]:
        """Wait until an explanation with at least `parts` parts is stored, and return it."""
        answers: list[httpx.Response] = []

        def known() -> bool:
            answers.append(self.dlq.get(f"/requests/{request_id}", headers=bearer(keys.VIEWER)))
            return answers[-1].status_code == 200 and len(answers[-1].json()["data"]["parts"]) >= parts

        wait_until(known, what=f"an explanation of {request_id}")
        return dict(answers[-1].json()["data"])


def decisions(part: dict[str, Any], action: str) -> list[dict[str, Any]]:
    """Return the decisions of one kind in a part."""
    return [each for each in part["decisions"] if each["action"] == action]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database) -> Iterator[Case]:
    """An api and a dlq_admin on the shared servers, and no writer."""
    with redis_server.client() as redis:
        redis.flushall()
    folder = tmp_path_factory.mktemp("explain")
    api = processes.api(folder, redis_server.address, database.dsn, HOLDFAST_API_RATE_READS_PER_MIN="600")
    dlq = processes.dlq_admin(folder, redis_server.address, database.dsn)
    with processes.running(api, dlq), api.client() as client, dlq.client() as asking:
        yield Case(client, asking)


@pytest.fixture
def running() -> Iterator[Start]:
    """A function that starts services side by side; they end with the test."""
    with ExitStack() as stack:
        yield lambda *services: stack.enter_context(processes.running(*services))


def test_an_accepted_write_is_followed_to_its_end(
    case: Case, tmp_path: Path, running: Start, redis_server: RedisServer, clean_database: Database
) -> None:
    """The explanation of an accepted write shows its entry as queued and, once a writer runs, as applied with the time.
    It contains no name and no address."""
    answer = case.api.post("/users", json=_ADA, headers={"X-Request-Timeout-Ms": "7000"})
    explained = case.explained(answer.headers["x-request-id"])
    (part,) = explained["parts"]
    assert (part["service"], part["route"], part["status"], part["outcome"]) == ("api", "/users", 202, "good")
    assert part["deadline_ms"] == 7000
    assert 0 < part["left_ms"] < 7000
    assert decisions(part, "rate_counted")[0]["left"] > 0
    (written,) = decisions(part, "write_answered")
    data, meta = answer.json()["data"], answer.json()["meta"]
    assert (written["operation_id"], written["version"]) == (data["operation_id"], meta["version"])
    assert written["entry_id"] in written["says"]
    (fate,) = explained["operations"]
    assert (fate["status"], fate["says"]) == ("queued", "On the stream; no writer has read it yet.")
    with redis_server.client() as redis:
        assert redis.xrange("{holdfast}:writes", written["entry_id"], written["entry_id"])
    running(processes.writer(tmp_path, redis_server.address, clean_database.dsn, **QUICK))
    request_id = answer.headers["x-request-id"]
    wait_until(lambda: case.explained(request_id)["operations"][0]["status"] == "applied", what="applied")
    (fate,) = case.explained(request_id)["operations"]
    assert fate["entry_id"] == written["entry_id"]
    assert fate["ended_at"] > fate["accepted_at"]
    assert "Ada" not in str(explained)
    assert "example.com" not in str(explained)


def test_a_refused_write_says_why(case: Case) -> None:
    """The explanation of a refused write names the reason, both for an address that a queued write has taken and for a
    malformed body."""
    email = f"{uuid.uuid4().hex}@example.com"
    assert case.api.post("/users", json={"name": "Ann", "email": email}).status_code == 202
    refused = case.api.post("/users", json={"name": "Bob", "email": email})
    assert refused.status_code == 409
    (part,) = case.explained(refused.headers["x-request-id"])["parts"]
    assert decisions(part, "write_answered")[0]["result"] == "taken"
    (error,) = decisions(part, "error_answered")
    assert error["says"] == "Answered EMAIL_TAKEN, status 409: it did not happen, no use trying again."
    malformed = case.api.post("/users", json={"name": "Bob"})
    (part,) = case.explained(malformed.headers["x-request-id"])["parts"]
    assert [each["action"] for each in part["decisions"]] == ["rate_counted", "error_answered"]


def test_what_is_as_on_any_day_is_only_kept_when_asked_for(case: Case) -> None:
    """A successful read is explained only if the request carried `X-Explain`."""
    plain = case.api.get("/users")
    asked = case.api.get("/users", headers={"X-Explain": "true"})
    assert (plain.status_code, asked.status_code) == (200, 200)
    (part,) = case.explained(asked.headers["x-request-id"])["parts"]
    assert part["outcome"] == "good"
    unknown = case.dlq.get(f"/requests/{plain.headers['x-request-id']}", headers=bearer(keys.VIEWER))
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "REQUEST_UNKNOWN")


def test_who_asks_has_to_be_somebody(case: Case) -> None:
    """A request for an explanation gets 401 without a key, 403 without the scope, 422 for a malformed id, and 404 for
    an unknown id with a message that says which requests are kept."""
    assert case.dlq.get("/requests/req_12345678").status_code == 401
    assert case.dlq.get("/requests/req_12345678", headers=bearer(keys.READER)).status_code == 403
    assert case.dlq.get("/requests/x", headers=bearer(keys.VIEWER)).status_code == 422
    unknown = case.dlq.get("/requests/req_12345678", headers=bearer(keys.VIEWER))
    assert unknown.status_code == 404
    error = unknown.json()["error"]
    assert error["details"] == {"id": "req_12345678", "kept_for_s": 900}
    assert "X-Explain" in error["message"]


def test_one_id_for_several_tries_is_explained_in_order(case: Case) -> None:
    """Several requests with the same id are explained in order, and of 23 requests only the last 20 are kept."""
    ids = {"X-Request-ID": f"tries-{uuid.uuid4().hex}", "X-Explain": "1"}
    for _ in range(23):
        assert case.api.get("/users", headers=ids).status_code == 200
    parts = case.explained(ids["X-Request-ID"], 20)["parts"]
    assert len(parts) == 20
    assert parts == sorted(parts, key=lambda part: str(part["at"]))


@pytest.fixture
def broken(tmp_path: Path, own_redis: RedisServer, own_database: Database) -> Iterator[Case]:
    """An api and a dlq_admin on servers that the test may break; an open breaker stays open for 30 s."""
    api = processes.api(tmp_path, own_redis.address, own_database.dsn, HOLDFAST_API_BREAKER_OPEN_S="30")
    dlq = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn, HOLDFAST_DLQ_READ_TIMEOUT_S="1")
    with processes.running(api, dlq), api.client() as client, dlq.client() as asking:
        yield Case(client, asking)


def test_a_read_without_a_database(broken: Case, own_database: Database) -> None:
    """The explanation of a read without a database names the breaker that refused the call with its counts, the copy
    that was served and its age, although dlq_admin has no database either."""
    wait_until(lambda: broken.api.get("/users").status_code == 200, what="a page is read")
    first = broken.api.post("/users", json=_ADA | {"email": "first@example.com"})  # from here on the queue has a clock
    assert first.status_code == 202
    own_database.kill()

    def refused() -> bool:
        return broken.api.get("/users").json().get("error", {}).get("code") == "CIRCUIT_BREAKER_OPEN"

    wait_until(refused, what="the breaker is open")
    answer = broken.api.get("/users")
    (part,) = broken.explained(answer.headers["x-request-id"])["parts"]
    assert (part["status"], part["outcome"]) == (200, "degraded")
    (call,) = decisions(part, "call_refused")
    assert (call["breaker"], call["refusal"]) == ("database", "open")
    assert call["open_for_s"] >= 0
    assert call["unreachable_in_a_row"] > 0 or call["failures"] > 0
    assert call["says"].startswith("The breaker database is open since ")
    (served,) = decisions(part, "fallback_served")
    assert (served["source"], served["instead_of"]) == ("cache", "CIRCUIT_BREAKER_OPEN")
    assert 0 <= served["age_s"] < 60
    actions = [each["action"] for each in part["decisions"]]
    assert actions.index("call_refused") < actions.index("fallback_served")
    none = broken.api.get("/users", params={"limit": 7})
    assert none.status_code == 503
    (part,) = broken.explained(none.headers["x-request-id"])["parts"]
    assert decisions(part, "no_copy")[0]["says"] == "No copy of this page is kept."
    written = broken.api.post("/users", json=_ADA)
    request_id = written.headers["x-request-id"]
    wait_until(lambda: broken.explained(request_id)["operations"][0]["status"] == "queued", what="the queue is asked")


def test_a_write_without_a_queue(
    tmp_path: Path, running: Start, own_redis: RedisServer, own_cache: RedisServer, own_database: Database
) -> None:
    """A direct write without a queue is explained from the separate cache Redis. Without the cache too, the explanation
    gets 503, writes are still accepted, and the lost explanation is counted."""
    more = {"HOLDFAST_CACHE_REDIS_ADDR": own_cache.address}
    api = processes.api(tmp_path, own_redis.address, own_database.dsn, **more)
    dlq = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn, **more)
    running(api, dlq)
    own_redis.kill()
    with api.client() as client, dlq.client() as asking:
        answer = client.post("/users", json=_ADA)
        assert answer.status_code == 201
        explained = Case(client, asking).explained(answer.headers["x-request-id"])
        actions = [each["action"] for each in explained["parts"][0]["decisions"]]
        assert [each for each in actions if each.startswith("write_")] == ["write_not_taken", "write_direct"]
        assert (explained["operations"][0]["status"], explained["parts"][0]["outcome"]) == ("applied", "degraded")
        own_cache.kill()
        gone = asking.get(f"/requests/{answer.headers['x-request-id']}", headers=bearer(keys.VIEWER))
        assert (gone.status_code, gone.json()["error"]["code"]) == (503, "EXPLANATIONS_UNAVAILABLE")
        assert client.post("/users", json=_ADA | {"email": "b@example.com"}).status_code == 201
        wait_until(lambda: api.metric('holdfast_explanations_total{result="failed"}') >= 1, what="counted")


def test_a_call_of_the_third_party(
    tmp_path: Path, running: Start, clean_redis: RedisServer, third_party: ThirdParty
) -> None:
    """The explanation of one request id contains the parts of both services: each attempt, and why there was no further
    attempt."""
    third_party.behave(fault="fail", status=503)
    config = PATIENT | {"retry_share": 0.0, "attempts": 5}
    dsn = f"mysql://nobody:nothing@{NOWHERE}/none"
    proxy = processes.external_proxy(tmp_path, clean_redis.address, third_party.url, config)
    api = processes.api(tmp_path, clean_redis.address, dsn, HOLDFAST_API_EXTERNAL_PROXY_URL=proxy.url)
    dlq = processes.dlq_admin(tmp_path, clean_redis.address, dsn, HOLDFAST_DLQ_READ_TIMEOUT_S="1")
    running(proxy, api, dlq)
    with api.client() as client, dlq.client() as asking:
        answer = client.get("/external-api", headers=NO_FALLBACK)
        assert answer.status_code == 502
        ours, theirs = Case(client, asking).explained(answer.headers["x-request-id"], 2)["parts"]
    assert (ours["service"], theirs["service"]) == ("api", "external_proxy")
    assert decisions(ours, "proxy_answered")[0]["status"] == 502
    again, (suppressed,) = decisions(theirs, "retried"), decisions(theirs, "retry_suppressed")
    assert [each["attempt"] for each in again] == [2, 3, 4]
    assert (suppressed["why"], suppressed["attempt"]) == ("budget", 4)
    assert suppressed["budget"] < 1
    assert "the retry budget has 0.0 tokens" in suppressed["says"]
    assert len(decisions(theirs, "call_failed")) == len(third_party.arrivals()) == 4
