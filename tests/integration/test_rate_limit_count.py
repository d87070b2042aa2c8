"""Counting requests of clients in a real Redis that is healthy, away, or hung."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from holdfast.services.api import rate_limit_count
from holdfast.services.api.breakers import make_breakers
from holdfast.services.api.rate_limit_count import Counts
from holdfast.services.api.rate_limit_policy import Grant, RatePolicy, grant
from holdfast.shared.connections.redis import RedisTimeouts, connect
from tests.servers import RedisServer


class Clock:
    """A clock that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        """Return the current time in seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at 100 s."""
    return Clock()


Make = Callable[[str], Counts]


@pytest.fixture
async def make(clock: Clock) -> AsyncIterator[Make]:
    """A function that makes the counts of one process from the address of its Redis, which has a clock of its own."""
    made = []

    def one(address: str) -> Counts:
        limit_s: float = vars(rate_limit_count)["RATE_LIMIT_TIMEOUT_S"]  # as a test has set it
        made.append(connect(address, RedisTimeouts(limit_s, limit_s)))
        return Counts(
            made[-1],
            make_breakers(
                database_timeout_s=1,
                database_write_timeout_s=1,
                queue_timeout_s=1,
                cache_timeout_s=1,
                external_timeout_s=1,
                open_s=5,
            ).limits,
            clock,
        )

    yield one
    for redis in made:
        await redis.aclose()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A timeout of 30 s for a Redis that works, so that a busy machine does not matter."""
    if "own_redis" not in request.fixturenames:
        monkeypatch.setattr(rate_limit_count, "RATE_LIMIT_TIMEOUT_S", 30.0)


@pytest.fixture
def counts(make: Make, clean_redis: RedisServer) -> Counts:
    """Counts in a Redis that works."""
    return make(clean_redis.address)


async def _passed(counts: Counts, policy: RatePolicy, tries: int, name: str = "key:a") -> int:
    return sum([(await counts.take(name, policy)).allowed for _ in range(tries)])


async def test_the_burst_and_then_no_more(counts: Counts) -> None:
    """Exactly the burst passes; a further request is refused with the time until the next token, and other clients are
    not affected."""
    policy = RatePolicy("writes", 30)
    assert await _passed(counts, policy, 20) == policy.burst == 5
    taken = await counts.take("key:a", policy)
    assert not taken.allowed
    assert 0 < taken.next_in_s <= policy.interval_s
    assert await _passed(counts, policy, 1, "key:b") == 1


@pytest.mark.parametrize("per_min", [6, 60, 300, 600, 1200, 60_000])
@pytest.mark.parametrize("away", [False, True], ids=["redis", "no-redis"])
async def test_all_that_is_allowed_passes_also_when_it_comes_at_once(
    make: Make, clean_redis: RedisServer, per_min: int, away: bool
) -> None:
    """Of 50 concurrent requests exactly the burst passes, because a request that waits for a lease which others use up
    asks again."""
    policy = RatePolicy("reads", per_min)
    counts = make("127.0.0.1:1" if away else clean_redis.address)
    taken = await asyncio.gather(*(counts.take("key:a", policy) for _ in range(50)))
    passed = sum(one.allowed for one in taken)
    assert min(50, policy.burst) <= passed <= min(50, policy.burst + 1)  # one token may have been added meanwhile
    refused = [one for one in taken if not one.allowed]
    assert all(0 < one.next_in_s <= policy.interval_s for one in refused)


async def test_latecomers_get_what_is_left(counts: Counts, clean_redis: RedisServer) -> None:
    """Repeated waves of concurrent requests get the burst in total, with fewer than 60 commands to Redis."""
    policy = RatePolicy("reads", 1800)
    with clean_redis.client() as redis:
        before = redis.info("stats")["total_commands_processed"]
        waves = [await asyncio.gather(*(counts.take("key:a", policy) for _ in range(70))) for _ in range(5)]
        asked = redis.info("stats")["total_commands_processed"] - before
    passed = sum(one.allowed for wave in waves for one in wave)
    assert policy.burst <= passed <= policy.burst + 30
    assert asked < 60


async def test_who_is_over_the_limit_is_not_asked_about(counts: Counts, clean_redis: RedisServer) -> None:
    """A refused client costs no further round trip until a token can have been added."""
    policy = RatePolicy("writes", 6)
    await _passed(counts, policy, 3)
    with clean_redis.client() as redis:
        before = redis.info("stats")["total_commands_processed"]
        await _passed(counts, policy, 500)
        assert redis.info("stats")["total_commands_processed"] - before < 5


async def test_most_requests_ask_nobody(counts: Counts, clean_redis: RedisServer) -> None:
    """Under a high limit tokens are taken in leases, so most requests cost no round trip."""
    policy = RatePolicy("reads", 600_000)
    with clean_redis.client() as redis:
        before = redis.info("stats")["total_commands_processed"]
        assert await _passed(counts, policy, 5_000) == 5_000
        assert redis.info("stats")["total_commands_processed"] - before < 40


async def test_two_processes_share_one_count(clean_redis: RedisServer, make: Make) -> None:
    """Two processes together allow what one would, apart from one lease each."""
    policy = RatePolicy("reads", 1200)
    one, two = make(clean_redis.address), make(clean_redis.address)
    passed = sum(await asyncio.gather(*(_passed(each, policy, 300) for each in (one, two))))
    assert policy.burst <= passed <= policy.burst + 2 * policy.lease + 20


async def test_the_script_counts_as_we_do(clean_redis: RedisServer, make: Make) -> None:
    """The script and the Python code grant the same tokens for the same sequence of requests."""
    policy = RatePolicy("reads", 60)
    counts, whole_at = make(clean_redis.address), 0.0
    for _ in range(15):
        common = await counts._common("key:a", policy, policy.lease)
        ours, whole_at = grant(policy, whole_at, policy.lease, 100.0)
        assert isinstance(common, Grant)
        assert (common.granted, common.left) == (ours.granted, ours.left)
        assert common.whole_in_s == pytest.approx(ours.whole_in_s, abs=0.5)
        assert common.next_in_s == pytest.approx(ours.next_in_s, abs=0.5)


async def test_without_redis_each_process_counts(make: Make, clock: Clock) -> None:
    """Without Redis nothing is raised, the limit holds, and tokens are added as time passes."""
    policy = RatePolicy("writes", 30)
    counts = make("127.0.0.1:1")
    assert await _passed(counts, policy, 20) == policy.burst
    clock.now += 3 * policy.interval_s
    assert await _passed(counts, policy, 20) == 3


async def test_a_hung_redis_costs_a_few_calls_and_then_nothing(own_redis: RedisServer, make: Make) -> None:
    """With a Redis that hangs, only the first few of 1000 clients wait 50 ms each, where all of them would wait 50 s;
    the others are counted in the process at once."""
    counts, policy = make(own_redis.address), RatePolicy("writes", 30)
    assert await _passed(counts, policy, 1) == 1
    own_redis.freeze()
    try:
        async with asyncio.timeout(45):
            for number in range(1000):
                assert await _passed(counts, policy, 1, f"key:{number}") == 1
    finally:
        own_redis.thaw()


async def test_many_clients_do_not_fill_the_memory(make: Make) -> None:
    """Only the 10,000 most recent clients are remembered."""
    counts = make("127.0.0.1:1")
    for number in range(11_000):
        await counts.take(f"from:{number}", RatePolicy("reads", 600))
    assert len(counts._clients) == 10_000


async def test_a_caller_that_goes_away_harms_nobody(own_redis: RedisServer, make: Make) -> None:
    """When a caller is cancelled, the other callers that wait for the same lease still get an answer."""
    counts, policy = make(own_redis.address), RatePolicy("reads", 600)
    own_redis.freeze()
    try:
        first, second = (asyncio.ensure_future(counts.take("key:a", policy)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).allowed
    finally:
        own_redis.thaw()
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_another_limit_is_another_count(counts: Counts) -> None:
    """A client whose limit is raised does not wait for requests that were counted under the lower limit."""
    low, high = RatePolicy("reads", 6), RatePolicy("reads", 6000)
    assert await _passed(counts, low, 3) == low.burst
    assert await _passed(counts, high, 10) == 10


@pytest.mark.parametrize("stored", ["3600 s", "a year", "nan", "inf", "-5", "1e40", "junk", ""])
async def test_a_clock_that_went_back_locks_nobody_out(
    clean_redis: RedisServer, make: Make, clock: Clock, stored: str
) -> None:
    """Whatever value is stored, a client waits no longer than one without tokens, and may send again in time."""
    policy = RatePolicy("writes", 1200)
    key = f"{vars(rate_limit_count)['_PREFIX']}{policy.key}:key:a"
    with clean_redis.client() as redis:
        seconds, micros = redis.time()
        ahead = {"3600 s": 3600, "a year": 365 * 86_400}.get(stored)
        now = seconds * 1_000_000 + micros
        redis.set(key, str(now + ahead * 1_000_000) if ahead else stored)
        fresh = make(clean_redis.address)
        taken = await fresh.take("key:a", policy)
        assert taken.next_in_s <= policy.interval_s + 0.01
        assert taken.whole_in_s <= policy.burst * policy.interval_s + 0.01
        kept = redis.get(key)
        if ahead:
            assert float(kept) <= now + 10_000_000 + policy.burst * policy.interval_s * 1_000_000
    deadline = asyncio.get_running_loop().time() + 60
    while not taken.allowed:
        assert asyncio.get_running_loop().time() < deadline, "it comes back"
        await asyncio.sleep(policy.interval_s)
        clock.now += policy.interval_s
        taken = await fresh.take("key:a", policy)
