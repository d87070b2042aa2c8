"""Rate limits on running apis: who is over them is told so and when to come back, and nobody else notices."""

import hashlib
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests import processes
from tests.keys import bearer
from tests.servers import Database, RedisServer, wait_until

#: What is said of each key after its digest.
_KEYS = {"slow": "", "slower": "reads=60 writes=6", "free": "writes=0"}

#: Kept open: a token comes every two seconds, and what is asked for must be over by then on a slow machine too.
_CLIENT = httpx.Client(timeout=30)

Start = Callable[..., processes.Service]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database) -> Iterator[Start]:
    """Starts apis that let everybody write thirty times a minute, and some keys otherwise; they end with the module."""
    folder = tmp_path_factory.mktemp("rate-limit")
    path = folder / "limited-keys"
    lines = [f"{key} read,write {hashlib.sha256(key.encode()).hexdigest()} {own}" for key, own in _KEYS.items()]
    path.write_text("\n".join(lines))
    started = []

    def one(**more: str) -> processes.Service:
        environment = {"HOLDFAST_KEYS_FILE": str(path), "HOLDFAST_API_RATE_WRITES_PER_MIN": "30"} | more
        service = processes.api(folder, redis_server.address, database.dsn, **environment)
        started.append(service)
        return service.start()

    with redis_server.client() as redis:
        redis.flushall()
    with _CLIENT:
        yield one
    for service in started:
        service.kill()


@pytest.fixture(scope="module")
def direct(start: Start) -> str:
    """The URL of an api that clients reach directly."""
    return start().url


@pytest.fixture(scope="module")
def behind(start: Start) -> str:
    """The URL of another one, behind a proxy."""
    return start(HOLDFAST_API_TRUSTED_PROXIES="127.0.0.0/8").url


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def _write(url: str, **headers: str) -> httpx.Response:
    return _CLIENT.post(f"{url}/users", json={}, headers=headers)


def _passed(url: str, tries: int, **headers: str) -> int:
    """How many of so many writes were looked at: they change nothing, but they count."""
    return [_write(url, **headers).status_code for _ in range(tries)].count(422)


def test_who_sends_too_much(behind: str) -> None:
    """429 in the envelope, with the policy and the time until there is one more; reads and health go on."""
    ada = _from("192.0.2.10")
    first = _write(behind, **ada)
    assert (first.headers["ratelimit-policy"], first.headers["ratelimit"]) == ('"writes";q=30;w=60', '"writes";r=4;t=2')
    assert _passed(behind, 4, **ada) == 4
    refused = _write(behind, **ada)
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "RATE_LIMITED")
    assert (error["details"]["violated_policies"], error["details"]["counted_by"]) == (["writes"], "address")
    assert error["retryable"]
    assert error["definite"]
    assert refused.headers["x-request-id"] == error["request_id"]
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert refused.headers["ratelimit"].startswith('"writes";r=0;t=')
    assert _CLIENT.get(f"{behind}/users", headers=ada).headers["ratelimit-policy"] == '"reads";q=600000;w=60'
    paths = ("/livez", "/health", "/metrics", "/circuit-breaker/status")
    health = [_CLIENT.get(f"{behind}{path}", headers=ada) for path in paths]
    assert all(answer.status_code == 200 and "ratelimit" not in answer.headers for answer in health)
    wait_until(lambda: _write(behind, **ada).status_code == 422, what="one more write may pass")


def test_a_key_is_counted_by_itself_wherever_it_is(direct: str, behind: str) -> None:
    """Two apis together let pass what one would; each key has its own limit, or none."""
    assert sum(_passed(url, 5, **bearer("slow")) for url in (direct, behind)) == 5
    assert _passed(behind, 3, **bearer("slower")) == 1
    assert _passed(direct, 12, **bearer("free")) == 12
    assert "ratelimit" not in _write(direct, **bearer("free")).headers
    reads = [_CLIENT.get(f"{direct}/users", headers=bearer("slower")).status_code for _ in range(20)]
    assert 10 <= reads.count(200) < 20


def test_behind_a_proxy_that_is_ours_and_one_that_is_not(direct: str, behind: str) -> None:
    """A header of the client's own changes nothing."""
    assert _passed(behind, 7, **_from("6.6.6.6, 192.0.2.1")) == 5
    assert _passed(behind, 7, **_from("7.7.7.7, 192.0.2.1")) == 0
    assert _passed(behind, 7, **_from("192.0.2.2")) == 5
    assert _passed(direct, 7, **_from("192.0.2.3")) == 5
    assert _passed(direct, 7, **_from("192.0.2.4")) == 0


def test_when_the_cache_redis_goes_away(start: Start, own_redis: RedisServer) -> None:
    """Each process counts for itself: the limit holds, nothing fails; and all is as before when it is back."""
    service = start(HOLDFAST_CACHE_REDIS_ADDR=own_redis.address)
    degraded = "holdfast_rate_limiter_degraded"
    _write(service.url)
    assert service.metric(degraded) == 0
    own_redis.kill()
    told = [_write(service.url, **bearer("slow")).status_code for _ in range(10)]
    assert sorted(told) == [422] * 5 + [429] * 5
    assert service.metric(degraded) == 1
    own_redis.start()

    def recovered() -> bool:
        assert _write(service.url).status_code in (422, 429)
        return service.metric(degraded) == 0

    wait_until(recovered, what="the common count is used again")
