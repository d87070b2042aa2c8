"""The proxy's configuration, changed while it runs: by operators only, as a whole or not at all, and reverted on its
own."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from tests import keys, processes
from tests.client import fetch
from tests.external import NO_FALLBACK, PATIENT
from tests.processes import ThirdParty
from tests.servers import RedisServer, wait_until

_KEY = "{holdfast}:external_proxy:config"


@pytest.fixture(scope="module")
def proxies(
    tmp_path_factory: pytest.TempPathFactory, _own_redis: RedisServer, _third_party: ThirdParty
) -> Iterator[list[processes.Service]]:
    """Two replicas of the proxy."""
    if not _own_redis.running:
        _own_redis.start()
    services = [
        processes.external_proxy(tmp_path_factory.mktemp("proxy"), _own_redis.address, _third_party.url, PATIENT)
        for _ in range(2)
    ]
    yield [service.start() for service in services]
    for service in services:
        service.kill()


@pytest.fixture
def operator(proxies: list[processes.Service], own_redis: RedisServer) -> Iterator[httpx.Client]:
    """A client of the first replica with an operator's key, after both replicas have returned to their settings."""
    with proxies[0].client(headers=keys.bearer(keys.OPERATOR)) as client:
        wait_until(lambda: reverted(client).status_code == 200, what="back to the settings")
        wait_until(lambda: all(attempts(proxy) == 3 for proxy in proxies), what="everywhere")
        yield client


def reverted(client: httpx.Client) -> httpx.Response:
    """Revert to the settings and return the answer."""
    return client.request("DELETE", "/config", json={"reason": "the next test"})


def attempts(proxy: processes.Service) -> int:
    """Return the number of attempts in a replica's current configuration."""
    answer = fetch("GET", f"{proxy.url}/config", headers=keys.bearer(keys.OPERATOR))
    return int(answer.json()["data"]["config"]["attempts"])


def change(client: httpx.Client, config: dict[str, Any], headers: dict[str, str] | None = None, **more: Any) -> Any:
    """PUT a configuration and return the answer."""
    return client.put("/config", json={"config": config, "reason": "a test", **more}, headers=headers)


def test_it_counts_at_once_and_everywhere(
    proxies: list[processes.Service], operator: httpx.Client, third_party: ThirdParty
) -> None:
    """A change, here to one attempt instead of three, applies to the next request on the same replica, and soon on the
    other one."""
    answer = change(operator, {"attempts": 1})
    data = answer.json()["data"]
    assert (answer.status_code, data["config"]["attempts"], data["changed_by"]) == (200, 1, keys.OPERATOR)
    assert data["config"]["attempt_s"] == PATIENT["attempt_s"], "what is left out is as in the settings"
    third_party.behave(fault="fail", status=503)
    assert operator.get("/external", headers=NO_FALLBACK).status_code == 502
    assert len(third_party.arrivals()) == 1
    wait_until(lambda: attempts(proxies[1]) == 1, what="the other replica")


def test_the_breaker_keeps_its_counts(operator: httpx.Client, third_party: ThirdParty) -> None:
    """A change keeps the breaker's counts: three failures before the change and one after it count as four."""
    once = {"attempts": 1}
    change(operator, once)
    assert operator.get("/external", headers=NO_FALLBACK).status_code == 200
    third_party.behave(fault="reset")
    for _ in range(3):
        assert operator.get("/external", headers=NO_FALLBACK).status_code == 502
    breaker = {"unreachable_in_a_row": 4, "doubted_calls": 0, "open_s": 2.0, "ramp_s": 0, "probes": 1}
    change(operator, once | {"breaker": breaker})
    assert operator.get("/external", headers=NO_FALLBACK).status_code == 502
    assert operator.get("/external", headers=NO_FALLBACK).json()["error"]["code"] == "CIRCUIT_BREAKER_OPEN"
    third_party.behave()
    wait_until(lambda: operator.get("/external", headers=NO_FALLBACK).status_code == 200, what="healed")


@pytest.mark.parametrize("key", [None, keys.READER, keys.WRITER])
def test_only_operators_may(proxies: list[processes.Service], key: str | None) -> None:
    """Only operators may read or change the configuration; reading is restricted because a default document may be
    confidential."""
    before = attempts(proxies[0])
    headers = keys.bearer(key) if key else {}
    for method, path in (("GET", "/config"), ("PUT", "/config"), ("DELETE", "/config"), ("GET", "/config/changes")):
        body = {"config": {"attempts": 8}, "reason": "mischief"} if method == "PUT" else None
        answer = fetch(method, proxies[0].url + path, json=body, headers=headers)
        assert answer.status_code == (403 if key else 401)
    assert attempts(proxies[0]) == before


@pytest.mark.parametrize(
    "config",
    [
        {"attempts": 0},
        {"attempts": "3"},
        {"attempt_s": 30.0},
        {"connect_s": 8.0},
        {"attempt_s": 20.0, "total_s": 20.0},
        {"breaker": {"window_s": 0.5, "open_s": 70.0}},
        {"breaker": {"nonsense": 1}},
        {"breaker": None},
        {"breaker": 7},
        {"fallback": {"max_age_s": 1e9}},
        {"fallback": {"default": "text"}},
        {"third_party_url": "http://elsewhere"},
        {"total_s": 1e999},
    ],
    ids=str,
)
def test_nonsense_is_refused_whole(operator: httpx.Client, config: dict[str, Any]) -> None:
    """An invalid configuration is refused as a whole with an error that names the fields, even if only one value is
    wrong, and the previous one stays."""
    before = operator.get("/config").json()["data"]
    body = json.dumps({"config": {"retry_share": 0.5} | config, "reason": "a test"})
    answer = operator.put("/config", content=body)
    assert answer.status_code in (400, 422), answer.text
    if answer.status_code == 422:
        assert answer.json()["error"]["code"] == "INVALID_CONFIG"
        assert answer.json()["error"]["details"]["errors"]
    assert operator.get("/config").json()["data"] == before


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"\xff", b'{"config": {}}', b'{"reason": "only why"}'])
def test_what_is_no_change_is_refused(operator: httpx.Client, body: bytes) -> None:
    """A malformed body, or a change without a reason, is refused."""
    assert operator.put("/config", content=body).status_code in (400, 422)
    assert operator.request("DELETE", "/config", content=body).status_code in (400, 422) or b"reason" in body


def test_two_operators_do_not_overwrite_one_another(operator: httpx.Client) -> None:
    """A change with an outdated If-Match gets 412 with the current version, and succeeds with that version."""
    etag = operator.get("/config").headers["etag"]
    first = change(operator, {"attempts": 2}, {"If-Match": etag})
    second = change(operator, {"attempts": 5}, {"If-Match": etag})
    assert (first.status_code, second.status_code) == (200, 412)
    assert second.json()["error"]["details"] == {"field": "If-Match", "current": first.headers["etag"]}
    assert operator.get("/config").json()["data"]["config"]["attempts"] == 2
    assert change(operator, {"attempts": 5}, {"If-Match": first.headers["etag"]}).status_code == 200


async def test_of_many_at_once_one_wins(proxies: list[processes.Service], operator: httpx.Client) -> None:
    """Of twenty concurrent changes to the same version at both replicas exactly one succeeds; the race is run five
    times."""
    async with aiohttp.ClientSession(headers=keys.bearer(keys.OPERATOR)) as session:

        async def put(number: int, etag: str) -> int:
            body = {"config": {"attempts": 2 + number % 8}, "reason": f"operator {number}"}
            where = f"{proxies[number % 2].url}/config"
            async with session.put(where, json=body, headers={"If-Match": etag}) as answer:
                return answer.status

        for _ in range(5):
            etag = operator.get("/config").headers["etag"]
            statuses = await asyncio.gather(*(put(number, etag) for number in range(20)))
            assert (statuses.count(200), statuses.count(412)) == (1, 19)


def test_a_change_for_a_time_ends_by_itself(proxies: list[processes.Service], operator: httpx.Client) -> None:
    """A temporary change is reverted to the last permanent configuration on every replica without intervention."""
    change(operator, {"attempts": 2})
    temporary = change(operator, {"attempts": 9}, for_s=1.0).json()["data"]
    assert (temporary["config"]["attempts"], temporary["reverts_at"] is not None) == (9, True)
    wait_until(lambda: attempts(proxies[0]) == 2, what="over here")
    wait_until(lambda: attempts(proxies[1]) == 2, what="over there")


def test_every_change_is_on_record(operator: httpx.Client) -> None:
    """Every change is recorded with its actor, reason, version and the values before and after, newest first."""
    assert change(operator, {"attempts": 4}).status_code == 200
    newest, before = operator.get("/config/changes").json()["data"]["changes"][:2]
    assert (newest["actor"], newest["reason"], newest["version"]) == (keys.OPERATOR, "a test", before["version"] + 1)
    assert (newest["before"]["attempts"], newest["after"]["attempts"]) == (3, 4)


@pytest.mark.parametrize("nonsense", ["", "[]", '{"version": 99, "config": {"attempts": 0}}', "\\xff"])
def test_nonsense_in_redis_leaves_the_last_good_one(
    proxies: list[processes.Service], operator: httpx.Client, own_redis: RedisServer, nonsense: str
) -> None:
    """A malformed configuration in Redis is counted and not applied, and the next change replaces it."""
    refused = "holdfast_external_config_refused_total"
    before = proxies[1].metric(refused)
    assert change(operator, {"attempts": 2}).status_code == 200
    wait_until(lambda: attempts(proxies[1]) == 2, what="the good one")
    with own_redis.client() as redis:
        redis.set(_KEY, nonsense)
    wait_until(lambda: proxies[1].metric(refused) > before, what="seen")
    assert attempts(proxies[1]) == 2
    assert change(operator, {"attempts": 4}).status_code == 200
    wait_until(lambda: attempts(proxies[1]) == 4, what="put right")


def test_without_redis_it_goes_on_as_it_was(
    proxies: list[processes.Service], operator: httpx.Client, own_redis: RedisServer, third_party: ThirdParty
) -> None:
    """Without Redis, changes get 503, the current configuration stays in force and the third party is still called.
    When Redis returns empty, the configuration is written to it again."""
    assert change(operator, {"attempts": 2}).status_code == 200
    own_redis.kill()
    answer = change(operator, {"attempts": 5})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "CONFIG_STORE_UNAVAILABLE")
    assert "retry-after" in answer.headers
    assert operator.get("/external").status_code == 200
    assert attempts(proxies[0]) == 2
    own_redis.start()
    with own_redis.client() as redis:
        redis.flushall()
        wait_until(lambda: redis.exists(_KEY), what="written again")
    wait_until(lambda: [attempts(proxy) for proxy in proxies] == [2, 2], what="the newest, everywhere")


def test_a_restart_keeps_the_configuration(
    proxies: list[processes.Service], operator: httpx.Client, tmp_path: Path, own_redis: RedisServer
) -> None:
    """A new replica applies the stored configuration from its first request."""
    assert change(operator, {"attempts": 7}).status_code == 200
    late = processes.external_proxy(tmp_path, own_redis.address, "http://127.0.0.1:1", PATIENT).start()
    try:
        assert attempts(late) == 7
    finally:
        late.kill()


@pytest.mark.parametrize("depth", [150, 250, 300, 1100, 9000])
def test_a_deep_configuration_is_refused_by_name(operator: httpx.Client, depth: int) -> None:
    """A configuration of any depth at which some parser or encoder fails is refused with the limit of 100, and a depth
    of 50 is accepted."""
    deep = '{"a":' * depth + "1" + "}" * depth
    answer = operator.put("/config", content=f'{{"config": {{"fallback": {{"default": {deep}}}}}, "reason": "a test"}}')
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"] == {"budget": "depth", "most": 100}
    assert change(operator, {"fallback": {"default": json.loads('{"a":' * 50 + "1" + "}" * 50)}}).status_code == 200
