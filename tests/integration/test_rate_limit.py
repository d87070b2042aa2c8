"""Rate limits on running apis: a client over the limit is refused with a time to come back, and no other client is
affected."""

import hashlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx
import pytest

from tests import processes
from tests.client import fetch
from tests.keys import bearer
from tests.servers import Database, RedisServer, wait_until

#: The number of interchangeable clients: a count during which the machine was too busy is repeated with the next
#: client.
_TRIES = 60
#: The settings of each key, which follow its digest in the keys file.
_KEYS = {
    "free": "writes=0",
    **{f"slow-{number}": "" for number in range(_TRIES)},
    **{f"slower-{number}": "reads=60 writes=6" for number in range(_TRIES)},
}
#: The interval after which one more write may pass.
_TOKEN_EVERY_S = 2.0

#: Kept open for speed: the requests of a count must end before another token is added.
_CLIENT = httpx.Client(timeout=30)

Start = Callable[..., processes.Service]
T = TypeVar("T")
_DEGRADED = "holdfast_rate_limiter_degraded"
#: Metrics of how often an api has counted on its own.
_ALONE = (
    'holdfast_loop_failures_total{kind="no_answer",loop="rate_limit"}',
    'holdfast_breaker_refused_calls_total{breaker="cache_limits"',
)


@pytest.fixture(scope="module")
def start(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database, _own_cache: RedisServer
) -> Iterator[Start]:
    """A function that starts apis with a limit of thirty writes a minute, and other limits for some keys; they end with
    the module. Their Redis does not wait for a disk, because after 50 ms an api would count on its own."""
    folder = tmp_path_factory.mktemp("rate-limit")
    path = folder / "limited-keys"
    lines = [f"{key} read,write {hashlib.sha256(key.encode()).hexdigest()} {own}" for key, own in _KEYS.items()]
    path.write_text("\n".join(lines))
    started = []

    def one(**more: str) -> processes.Service:
        environment = {
            "HOLDFAST_KEYS_FILE": str(path),
            "HOLDFAST_API_RATE_WRITES_PER_MIN": "30",
            "HOLDFAST_CACHE_REDIS_ADDR": _own_cache.address,
        } | more
        service = processes.api(folder, redis_server.address, database.dsn, **environment)
        started.append(service)
        return service.start()

    if not _own_cache.running:
        _own_cache.start()
    with _own_cache.client() as redis:
        redis.flushall()
    with _CLIENT:
        yield one
    for service in started:
        service.kill()


@pytest.fixture(scope="module")
def direct(start: Start) -> processes.Service:
    """An api that clients reach directly."""
    return start()


@pytest.fixture(scope="module")
def behind(start: Start) -> processes.Service:
    """A second api, behind a trusted proxy."""
    return start(HOLDFAST_API_TRUSTED_PROXIES="127.0.0.0/8")


def _from(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def _write(api: processes.Service, client: httpx.Client = _CLIENT, **headers: str) -> httpx.Response:
    return client.post(f"{api.url}/users", json={}, headers=headers)


def _passed(api: processes.Service, tries: int, client: httpx.Client = _CLIENT, **headers: str) -> int:
    """Return how many of the writes were within the limit. The writes are malformed and change nothing, but they are
    counted."""
    return [_write(api, client, **headers).status_code for _ in range(tries)].count(422)


def _undisturbed(count: Callable[[int], T], *apis: processes.Service) -> T:
    """Return the result of `count` for the first client number whose requests ended before another token was added, and
    were counted in the shared Redis: an api that gets no answer from Redis in 50 ms counts on its own for a while."""

    def alone() -> list[str]:
        texts = [fetch("GET", api.metrics_url).text for api in apis]
        assert all(_ALONE[0] in text for text in texts)
        return [line for text in texts for line in text.splitlines() if line.startswith(_ALONE)]

    for number in range(_TRIES):
        before, began = alone(), time.monotonic()
        found = count(number)
        if time.monotonic() - began < _TOKEN_EVERY_S and alone() == before:
            return found
    raise AssertionError("the machine is too busy for any of them")


def test_who_sends_too_much(behind: processes.Service) -> None:
    """A write above the limit gets 429 in the envelope with the policy and the time until the next token. Reads have
    their own limit, and health requests have none."""

    def sent(number: int) -> tuple[dict[str, str], httpx.Response, int, httpx.Response]:
        ada = _from(f"192.0.2.{100 + number}")
        return ada, _write(behind, **ada), _passed(behind, 4, **ada), _write(behind, **ada)

    ada, first, passed, refused = _undisturbed(sent, behind)
    assert (first.headers["ratelimit-policy"], first.headers["ratelimit"]) == ('"writes";q=5;w=10', '"writes";r=4;t=2')
    assert passed == 4
    error = refused.json()["error"]
    assert (refused.status_code, error["type"], error["code"]) == (429, "rate_limit_error", "RATE_LIMITED")
    assert (error["details"]["violated_policies"], error["details"]["counted_by"]) == (["writes"], "address")
    assert error["retryable"]
    assert error["definite"]
    assert refused.headers["x-request-id"] == error["request_id"]
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert refused.headers["ratelimit"].startswith('"writes";r=0;t=')
    assert _CLIENT.get(f"{behind.url}/users", headers=ada).headers["ratelimit-policy"] == '"reads";q=100000;w=10'
    paths = ("/livez", "/health", "/metrics", "/circuit-breaker/status")
    health = [_CLIENT.get(f"{behind.url}{path}", headers=ada) for path in paths]
    assert all(answer.status_code == 200 and "ratelimit" not in answer.headers for answer in health)
    wait_until(lambda: _write(behind, **ada).status_code == 422, what="one more write may pass")


def test_a_key_is_counted_by_itself_wherever_it_is(direct: processes.Service, behind: processes.Service) -> None:
    """Two apis together allow what one api would, and a key may have its own limit or none."""
    both = (direct, behind)
    assert _undisturbed(lambda n: sum(_passed(api, 5, **bearer(f"slow-{n}")) for api in both), *both) == 5
    assert _undisturbed(lambda n: _passed(behind, 3, **bearer(f"slower-{n}")), behind) == 1
    assert _passed(direct, 12, **bearer("free")) == 12
    assert "ratelimit" not in _write(direct, **bearer("free")).headers

    def read(number: int) -> int:
        url, headers = f"{direct.url}/users", bearer(f"slower-{number}")
        return [_CLIENT.get(url, headers=headers).status_code for _ in range(20)].count(200)

    assert 10 <= _undisturbed(read, direct) < 20


def test_behind_a_proxy_that_is_ours_and_one_that_is_not(direct: processes.Service, behind: processes.Service) -> None:
    """Behind a trusted proxy each forwarded address has its own limit; a forwarding header that a client sends itself
    has no effect."""

    def ours(number: int) -> list[int]:
        addresses = (f"6.6.6.6, 192.0.2.{number}", f"7.7.7.7, 192.0.2.{number}", f"198.51.100.{number}")
        return [_passed(behind, 7, **_from(address)) for address in addresses]

    def not_ours(number: int) -> list[int]:
        with httpx.Client(transport=httpx.HTTPTransport(local_address=f"127.0.1.{number}"), timeout=30) as client:
            return [_passed(direct, 7, client, **_from(f"192.0.2.{end}")) for end in (3, 4)]

    assert _undisturbed(ours, behind) == [5, 0, 5]
    assert _undisturbed(not_ours, direct) == [5, 0]


def test_when_the_cache_redis_goes_away(start: Start, own_redis: RedisServer) -> None:
    """Without the shared Redis each process counts on its own, with the same limit and no errors, and counts in Redis
    again when it is back."""
    service = start(HOLDFAST_CACHE_REDIS_ADDR=own_redis.address)

    def common() -> bool:
        assert _write(service).status_code in (422, 429)
        return service.metric(_DEGRADED) == 0

    wait_until(common, what="the common count is used")
    own_redis.kill()
    assert _undisturbed(lambda number: _passed(service, 10, **bearer(f"slow-{number}"))) == 5
    assert service.metric(_DEGRADED) == 1
    own_redis.start()
    wait_until(common, what="the common count is used again")
