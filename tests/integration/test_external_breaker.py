"""external_proxy's breaker and gate over a real third party: what is sent while the third party is away, and how
traffic returns."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from tests import processes
from tests.client import fetch
from tests.external import NO_FALLBACK, QUICK
from tests.processes import ThirdParty
from tests.servers import RedisServer, wait_until

StartProxy = Callable[..., processes.Service]


@pytest.fixture
def start_proxy(tmp_path: Path, clean_redis: RedisServer, third_party: ThirdParty) -> Iterator[StartProxy]:
    """A function that starts a proxy with a quick breaker, such as `start_proxy(attempt_s=1.0)`. The proxies end with
    the test."""
    started: list[processes.Service] = []

    def start(**config: Any) -> processes.Service:
        service = processes.external_proxy(tmp_path, clean_redis.address, third_party.url, QUICK | config)
        started.append(service)
        return service.start()

    yield start
    for service in started:
        service.kill()


def breaker_state(proxy: processes.Service) -> str:
    """Return the state of the breaker for reads."""
    checks = fetch("GET", f"{proxy.url}/health").json()["data"]["checks"]
    (state,) = [check["detail"] for name, check in checks.items() if name.endswith(" read")]
    return str(state)


def open_breaker(proxy: processes.Service, third_party: ThirdParty, **behaviour: object) -> None:
    """Let the third party fail until the proxy answers that its breaker is open."""
    third_party.behave(**behaviour)
    wait_until(
        lambda: (
            fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK).json()["error"]["code"] == "CIRCUIT_BREAKER_OPEN"
        ),
        what="the breaker is open",
    )


def test_it_opens_spares_the_third_party_and_heals_by_itself(start_proxy: StartProxy, third_party: ThirdParty) -> None:
    """While the breaker is open nothing is sent to the third party, and the answer carries the last good data in the
    documented fallback format. The breaker closes again on its own."""
    breaker = QUICK["breaker"] | {"open_s": 8.0, "open_max_s": 8.0}
    proxy = start_proxy(breaker=breaker)
    good = fetch("GET", f"{proxy.url}/external").json()["data"]
    open_breaker(proxy, third_party, fault="fail", status=503)
    sent = len(third_party.arrivals())
    for _ in range(5):
        answer = fetch("GET", f"{proxy.url}/external")
        body = answer.json()
        assert (answer.status_code, body["success"]) == (200, False)
        assert (body["error"]["type"], body["error"]["code"]) == ("service_unavailable", "CIRCUIT_BREAKER_OPEN")
        assert (body["error"]["fallback_available"], body["error"]["retry_after"] >= 1) == (True, True)
        assert body["data"] == body["fallback_data"]["cached_data"] == good
        assert "second" in body["fallback_data"]["cache_age"]
        assert body["meta"]["fallback"]["kind"] == "last_good"
    refused = fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK)
    assert (refused.status_code, refused.json()["error"]["details"]["origin"]) == (503, "external_proxy")
    assert int(refused.headers["retry-after"]) >= 1
    assert len(third_party.arrivals()) == sent
    third_party.behave()
    wait_until(lambda: fetch("GET", f"{proxy.url}/external").json()["success"], what="it heals by itself")
    wait_until(lambda: fetch("GET", f"{proxy.url}/external").json()["success"] and breaker_state(proxy) == "closed")


def test_reads_and_writes_have_breakers_of_their_own(start_proxy: StartProxy, third_party: ThirdParty) -> None:
    """While the breaker for reads is open, a write is still sent."""
    proxy = start_proxy(breaker=QUICK["breaker"] | {"open_s": 30.0, "open_max_s": 30.0})
    open_breaker(proxy, third_party, fault="reset")
    third_party.behave()
    assert fetch("POST", f"{proxy.url}/external", json={}).status_code in (200, 201)
    assert fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK).status_code == 503


def test_what_opened_it_is_what_the_caller_hears(start_proxy: StartProxy, third_party: ThirdParty) -> None:
    """A request whose failures opened the breaker reports those failures, and its refused further attempt is only
    counted as a suppressed retry."""
    proxy = start_proxy(breaker=QUICK["breaker"] | {"unreachable_in_a_row": 2})
    third_party.behave(fault="reset")
    answer = fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "UPSTREAM_UNREACHABLE")
    assert len(third_party.arrivals()) == 2
    assert proxy.metric('holdfast_retries_suppressed_total{dependency="third_party",reason="open"}') == 1


def test_while_it_is_in_doubt_a_call_is_not_refused(start_proxy: StartProxy, third_party: ThirdParty) -> None:
    """An open breaker that is in doubt lets calls through whatever its pause between probes, so the first call after
    the recovery gets a good answer."""
    proxy = start_proxy(breaker=QUICK["breaker"] | {"doubted_calls": 1000, "open_s": 60.0, "open_max_s": 60.0})
    third_party.behave(fault="fail", status=503)
    for _ in range(5):
        assert fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK).status_code == 502
    assert breaker_state(proxy) == "open"
    third_party.behave()
    for _ in range(3):
        assert fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK).status_code == 200
    assert breaker_state(proxy) == "closed"


def test_half_open_sends_one_probe(start_proxy: StartProxy, third_party: ThirdParty) -> None:
    """A half-open breaker lets exactly one of fifty concurrent calls reach the third party."""
    proxy = start_proxy(attempt_s=9.0, attempts=1)
    open_breaker(proxy, third_party, fault="fail", status=500)
    third_party.forget()
    third_party.behave(latency_ms=3000)
    wait_until(lambda: breaker_state(proxy) == "half_open", what="half open")

    async def at_once() -> list[int]:
        async with aiohttp.ClientSession(headers=NO_FALLBACK) as session:

            async def one() -> int:
                async with session.get(f"{proxy.url}/external") as answer:
                    return answer.status

            return await asyncio.gather(*(one() for _ in range(50)))

    statuses = asyncio.run(at_once())
    assert (statuses.count(200), statuses.count(503)) == (1, 49)
    assert len(third_party.arrivals()) == 1


def test_a_throttled_third_party_is_left_alone_as_long_as_it_asked(
    start_proxy: StartProxy, third_party: ThirdParty
) -> None:
    """Nothing is sent before the third party's Retry-After is over, callers get that time, and the breaker does not
    count the throttling as a failure."""
    proxy = start_proxy(total_s=1.5, attempt_s=1.0, connect_s=0.5)
    third_party.behave(fault="throttle", retry_after="2", times=1)
    first = fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK)
    assert (first.status_code, first.json()["error"]["code"]) == (503, "UPSTREAM_THROTTLED")
    assert first.headers["retry-after"] == "2"
    answers: list[httpx.Response] = []

    def let_in() -> bool:
        answers.append(fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK))
        return answers[-1].status_code == 200

    wait_until(let_in, what="let in again")
    refusals = [answer.json()["error"] for answer in answers[:-1]]
    assert {error["code"] for error in refusals} == {"UPSTREAM_THROTTLED"}
    assert refusals[0]["details"]["origin"] == "external_proxy"
    times = [each["at"] for each in third_party.arrivals()]
    assert times[1] - times[0] >= 2
    assert breaker_state(proxy) == "closed"


def test_a_short_wait_is_waited(start_proxy: StartProxy, third_party: ThirdParty) -> None:
    """A Retry-After that fits into the caller's deadline is waited for within the request."""
    proxy = start_proxy()
    third_party.behave(fault="throttle", retry_after="1", times=1)
    answer = fetch("GET", f"{proxy.url}/external", headers=NO_FALLBACK)
    assert answer.status_code == 200
    first, second = third_party.arrivals()
    assert second["at"] - first["at"] >= 1


@pytest.mark.parametrize("retry_after", ["soon", "-1", "99999999999", "Thu, 01 Jan 1970 00:00:00 GMT", "²"])
def test_a_mad_retry_after_does_no_harm(start_proxy: StartProxy, third_party: ThirdParty, retry_after: str) -> None:
    """A malformed or extreme Retry-After is ignored or limited, and callers are still answered."""
    proxy = start_proxy(breaker=QUICK["breaker"] | {"throttle_max_s": 0.2})
    third_party.behave(fault="throttle", retry_after=retry_after, times=1)
    assert fetch("GET", f"{proxy.url}/external").status_code in (200, 503)
    wait_until(lambda: fetch("GET", f"{proxy.url}/external").status_code == 200, what="let in again")
