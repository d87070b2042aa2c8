"""`GET /external-api` end to end: api, external_proxy and third party, each of them killed and hung."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests import processes
from tests.client import fetch
from tests.external import NO_FALLBACK, NOWHERE, PATIENT
from tests.integration.test_api_accepts import error_of
from tests.processes import ThirdParty
from tests.servers import RedisServer, wait_until

_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_LAST_GOOD = "holdfast:cache:last_good:external"


class Chain(NamedTuple):
    """A client of the api, the proxy behind it, and their Redis."""

    api: httpx.Client
    proxy: processes.Service
    redis: RedisServer

    def good(self) -> Any:
        """Return the data of the first good answer. On a busy machine the first connection may take longer than the api
        waits, so this call repeats."""
        answers: list[httpx.Response] = []

        def is_good() -> bool:
            answers[:] = [self.api.get("/external-api")]
            return answers[0].status_code == 200

        wait_until(is_good, what="a good answer")
        return answers[0].json()["data"]


@pytest.fixture
def chain(
    tmp_path: Path, clean_redis: RedisServer, third_party: ThirdParty, request: pytest.FixtureRequest
) -> Iterator[Chain]:
    """An api without a database, which this route does not need, in front of a proxy. The parameter adds settings of
    the api."""
    proxy = processes.external_proxy(tmp_path, clean_redis.address, third_party.url, PATIENT)
    proxy.start(wait=False)
    api = processes.api(
        tmp_path,
        clean_redis.address,
        f"mysql://nobody:nothing@{NOWHERE}/none",
        HOLDFAST_API_EXTERNAL_PROXY_URL=proxy.url,
        # Calls that last 1.5 s still count for the breaker, whose threshold is a tenth of this timeout.
        **(processes.HASTY_API | {"HOLDFAST_API_TIMEOUT_S": "11"} | getattr(request, "param", {})),
    ).start()
    proxy.wait_until_alive()
    with api.client() as client:
        yield Chain(client, proxy, clean_redis)
    proxy.kill()
    api.kill()


def test_what_belongs_to_a_request_goes_all_the_way(chain: Chain, third_party: ThirdParty) -> None:
    """The request id, the trace and a decreasing time limit reach the third party, and the proxy's answers reach the
    client unchanged."""
    sent = {"X-Request-ID": "req_of_the_test", "traceparent": _TRACE, "X-Request-Timeout-Ms": "6000"}
    chain.good()
    third_party.forget()
    answer = chain.api.get("/external-api", headers=sent)
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    assert answer.headers["x-request-id"] == "req_of_the_test"
    (arrival,) = third_party.arrivals()
    assert (arrival["x_request_id"], arrival["traceparent"]) == ("req_of_the_test", _TRACE)
    assert int(arrival["x_request_timeout_ms"]) <= 5750
    third_party.behave(fault="fail", status=503)
    stale = chain.api.get("/external-api")
    assert (stale.status_code, stale.json()["meta"]["fallback"]["kind"]) == (200, "last_good")
    assert {"age", "cache-status", "x-degraded"} <= set(stale.headers)
    for fresh in (NO_FALLBACK, {"Cache-Control": "no-cache"}):
        refused = chain.api.get("/external-api", headers=fresh)
        assert (refused.status_code, error_of(refused)["code"]) == (502, "UPSTREAM_FAILED")
    problem = chain.api.get("/external-api", headers=NO_FALLBACK | {"Accept": "application/problem+json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == "UPSTREAM_FAILED"


def in_time(chain: Chain, headers: dict[str, str]) -> httpx.Response:
    """Return the first answer that is not overdue. On a busy machine some are overdue, as little time is reserved for
    answering."""
    answers: list[httpx.Response] = []

    def answered() -> bool:
        answers[:] = [chain.api.get("/external-api", headers=headers)]
        return answers[0].status_code != 504 or error_of(answers[0])["code"] != "ANSWER_OVERDUE"

    wait_until(answered, what="an answer in time")
    return answers[0]


@pytest.mark.parametrize("chain", [{"HOLDFAST_API_EXTERNAL_IN_FLIGHT_MAX": "1"}], indirect=True)
def test_a_call_too_many_is_not_made(chain: Chain) -> None:
    """Above the in-flight limit a call is not sent: it gets the last-known answer at once, or a 503 if the client
    accepts no fallback."""
    good = chain.good()
    chain.proxy.freeze()
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(chain.api.get, "/external-api")

        def busy() -> bool:
            refused = in_time(chain, NO_FALLBACK | {"X-Request-Timeout-Ms": "1500"})
            return error_of(refused)["code"] == "EXTERNAL_PROXY_BUSY" and not waits.done()

        wait_until(busy, what="one call waits, and another is refused")
        assert waits.result().json()["data"] == good


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_without_the_proxy_the_api_has_an_answer_of_its_own(chain: Chain, third_party: ThirdParty, how: str) -> None:
    """Without the proxy the api answers in time with its marked last-known answer, or with a 503 if the client accepts
    no fallback, and at once when the breaker is open. It recovers on its own."""
    good = chain.good()
    chain.proxy.kill() if how == "killed" else chain.proxy.freeze()
    in_haste = {"X-Request-Timeout-Ms": "1500"}
    answer = in_time(chain, in_haste)
    assert (answer.status_code, answer.json()["data"], answer.json()["meta"]["stale"]) == (200, good, True)
    assert answer.json()["meta"]["fallback"]["reason"] == "EXTERNAL_PROXY_UNAVAILABLE"
    refused = in_time(chain, NO_FALLBACK | in_haste)
    assert (refused.status_code, error_of(refused)["code"]) == (503, "EXTERNAL_PROXY_UNAVAILABLE")
    assert int(refused.headers["retry-after"]) >= 1
    opened: dict[str, Any] = {}

    def is_open() -> bool:
        opened.update(in_time(chain, in_haste).json())
        return opened["error"]["code"] == "CIRCUIT_BREAKER_OPEN"

    wait_until(is_open, what="the breaker is open")
    assert opened["error"]["code"] == "CIRCUIT_BREAKER_OPEN"
    assert opened["data"] == opened["fallback_data"]["cached_data"] == good
    if how == "frozen":
        return  # recovery is the same as after a kill
    chain.proxy.start()
    wait_until(
        lambda: chain.api.get("/external-api").json().get("meta", {}).get("fallback", {}).get("used") is False,
        what="it heals by itself",
    )


def test_a_proxy_that_was_never_there(tmp_path: Path, clean_redis: RedisServer) -> None:
    """Without a last-known answer a request gets 503 with Retry-After, and CIRCUIT_BREAKER_OPEN once the breaker is
    open."""
    api = processes.api(
        tmp_path, clean_redis.address, f"mysql://nobody:nothing@{NOWHERE}/none",
        HOLDFAST_API_EXTERNAL_PROXY_URL=f"http://{NOWHERE}",
    ).start()  # fmt: skip
    try:
        codes = []
        for _ in range(7):
            answer = fetch("GET", f"{api.url}/external-api")
            assert answer.status_code == 503
            assert "retry-after" in answer.headers
            codes.append(error_of(answer)["code"])
        assert codes == ["EXTERNAL_PROXY_UNAVAILABLE"] * 5 + ["CIRCUIT_BREAKER_OPEN"] * 2
    finally:
        api.kill()


def test_something_else_at_the_proxys_address_is_not_believed(
    tmp_path: Path, clean_redis: RedisServer, third_party: ThirdParty
) -> None:
    """A 200 with JSON from another server at the proxy's address is refused, as it is not in the format of the
    proxy."""
    api = processes.api(
        tmp_path, clean_redis.address, f"mysql://nobody:nothing@{NOWHERE}/none",
        HOLDFAST_API_EXTERNAL_PROXY_URL=third_party.url,
    ).start()  # fmt: skip
    try:
        answer = fetch("GET", f"{api.url}/external-api")
        assert (answer.status_code, error_of(answer)["code"]) == (503, "EXTERNAL_PROXY_UNAVAILABLE")
    finally:
        api.kill()


def test_the_last_good_answer_survives_a_restart_of_the_proxy(chain: Chain, third_party: ThirdParty) -> None:
    """The last good answer is also in the cache Redis, so a restarted proxy has it before its first successful call."""
    good = chain.good()
    with chain.redis.client() as redis:
        wait_until(lambda: redis.exists(_LAST_GOOD), what="kept")
    third_party.behave(fault="hang")
    chain.proxy.kill()
    chain.proxy.start()
    in_haste = {"X-Request-Timeout-Ms": "3000"}
    answer = fetch("GET", f"{chain.proxy.url}/external", headers=in_haste).json()
    assert (answer["data"], answer["meta"]["fallback"]["kind"]) == (good, "last_good")


def test_nonsense_in_the_cache_is_not_an_answer(chain: Chain, third_party: ThirdParty) -> None:
    """A malformed answer in the cache is ignored and replaced by the next good answer."""
    with chain.redis.client() as redis:
        redis.set(_LAST_GOOD, "nonsense")
        chain.good()
        wait_until(lambda: redis.get(_LAST_GOOD) != b"nonsense", what="replaced")
