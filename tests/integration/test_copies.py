"""Copies in a real cache: in any order of arrival, the newest stays, whatever else the cache holds."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Iterator
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.shared.cache import form
from holdfast.shared.cache.copies import Copies, cache_breaker
from holdfast.shared.cache.form import Copy, EntityCopy, PageCopy
from holdfast.shared.cache.refresh import Refresher
from holdfast.shared.connections.redis import connect
from holdfast.shared.telemetry import metrics
from tests.patient import SHARED_FIXTURES
from tests.servers import PATIENT_REDIS, RedisServer
from tests.users import USERS, user_ref, user_row

T = TypeVar("T")
ADA = user_row("ada", "Ada", 10, "ada@example.com", "ada@example.com", 10, 10)
BOB = user_row("bob", "Bob", 20, "bob@example.com", "bob@example.com", 20, 20)
GONE = user_row("bob", name_version=20, email_version=20, created_version=20, deleted_version=30)
PAGE = form.page_name(USERS, 0, 51)


CAROL = user_row("carol", "Carol", 30, "carol@example.com", "carol@example.com", 30, 30)


@pytest.fixture
def run(clean_redis: RedisServer) -> Iterator["Runner"]:
    """A runner for the operations on copies as one process; `copies` stands for a new process, which has no copies in
    memory."""
    with asyncio.Runner() as runner:
        its = Runner(runner, clean_redis)
        yield its
        its(its.redis.aclose())


class Runner:
    """Runs operations on copies in one event loop, over one connection to the cache."""

    def __init__(self, runner: asyncio.Runner, server: RedisServer) -> None:
        self._runner = runner
        self.server = server
        self.redis = connect(server.address, PATIENT_REDIS)

    def copies(self) -> Copies:
        """Return the copies of a new process."""
        return Copies(self.redis, cache_breaker(2), hard_s=60, in_process_max=100)

    def entity(self, copies: Copies, id: str) -> EntityCopy | None:
        """Return the copy of one user."""
        return self(copies.entities([user_ref(id)]))[user_ref(id)]

    def __call__(self, work: Awaitable[T]) -> T:
        """Run the awaitable and return its result."""

        async def whole() -> T:
            return await work

        return self._runner.run(whole())


def test_a_deleted_user_leaves_the_page(run: Runner) -> None:
    """A page that was read with a user who has since been deleted no longer shows that user, whichever page arrives
    last and whatever either process has in memory. No name or address of the user is left in the cache."""
    now = time.time()
    here, there = run.copies(), run.copies()
    before, after = PageCopy.of([ADA, BOB], 100, now), PageCopy.of([ADA], 200, now)
    own = [("user:ada", EntityCopy(ADA, now)), ("user:bob", EntityCopy(BOB, now))]
    run(here.put([*own, (PAGE, before)]))
    run(there.put([*own, (PAGE, before)]))
    run(here.put([("user:bob", EntityCopy(GONE, now - 5))]))
    for copies in (here, there, run.copies()):
        page = run(copies.page(PAGE, "users"))
        assert page is not None
        assert [user.id for user in page.entities] == ["ada"]
    run(here.put([(PAGE, after)]))
    run(there.put([(PAGE, before), *own]))
    page = run(run.copies().page(PAGE, "users"))
    assert page is not None
    assert [one.id for one in page.listed] == ["ada"]
    with run.server.client() as redis:
        kept = b"".join(redis.mget(redis.keys("*")))
    assert b"ob" not in kept.replace(b"bob", b"")
    assert b"bob@example.com" not in kept


def test_what_is_read_is_compared_with_its_copies(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refresher compares each entity that was read with its own copy, all in one round trip, and counts it as the
    same, behind or missing."""
    monkeypatch.setattr(random, "random", lambda: 0.0)
    now = time.time()
    older = user_row("bob", "Rob", 15, "bob@example.com", "bob@example.com", 15, 15)
    run(run.copies().put([("user:ada", EntityCopy(ADA, now)), ("user:bob", EntityCopy(older, now))]))
    copies = Copies(run.redis, cache_breaker(2), hard_s=60, in_process_max=0)
    refresher = Refresher(copies, soft_s=60)

    async def compared() -> dict[str, float]:
        before = _compared()
        refreshing = asyncio.create_task(refresher.run())
        refresher.offer(form.named([ADA, BOB, CAROL], now))
        async with asyncio.timeout(60):
            while sum(_compared().values()) - sum(before.values()) < 3:
                await asyncio.sleep(0.01)
        refreshing.cancel()
        return {match: count - before[match] for match, count in _compared().items()}

    assert run(compared()) == {"same": 1, "behind": 1, "missing": 1}


def _compared() -> dict[str, float]:
    return {match: metrics.fallback_checked.labels(match)._value.get() for match in ("same", "behind", "missing")}


def test_a_page_that_is_not_whole_is_no_copy(run: Runner) -> None:
    """A page is a miss if the copy of one of its users was evicted or is older than what the page showed."""
    now, copies = time.time(), run.copies()
    run(copies.put([("user:ada", EntityCopy(ADA, now)), (PAGE, PageCopy.of([ADA, BOB], 100, now))]))
    assert run(run.copies().page(PAGE, "users")) is None
    newer = user_row("bob", "Rob", 25, "bob@example.com", "bob@example.com", 20, 20)
    run(copies.put([("user:bob", EntityCopy(BOB, now)), (PAGE, PageCopy.of([ADA, newer], 200, now))]))
    assert run(run.copies().page(PAGE, "users")) is None
    run(copies.put([("user:bob", EntityCopy(newer, now))]))
    page = run(run.copies().page(PAGE, "users"))
    assert page is not None
    assert page.entities == [ADA, newer]


@settings(max_examples=40, suppress_health_check=SHARED_FIXTURES)
@given(st.integers(0, 2**32))
def test_the_newest_copy_stays(run: Runner, seed: int) -> None:
    """When copies of a page and of a user arrive in any order, some of them twice, the newest of each remains."""
    chance = random.Random(seed)
    pages: list[tuple[str, Copy]] = [
        (PAGE, PageCopy.of(chance.sample([ADA, BOB], chance.randint(0, 2)), chance.randint(0, 5), chance.random()))
        for _ in range(5)
    ]
    users: list[tuple[str, Copy]] = [
        ("user:bob", EntityCopy(BOB._replace(versions=(20 + chance.randint(0, 3), 20)), chance.random()))
        for _ in range(4)
    ]
    users += [("user:bob", EntityCopy(GONE, chance.random()))] * chance.randint(0, 1)
    offered = [*pages, *users, *pages[:2]]
    chance.shuffle(offered)
    with run.server.client() as redis:
        redis.flushall()
    for each in offered:
        run(run.copies().put([each]))
    fresh = run.copies()
    for name, among in ((PAGE, pages), ("user:bob", users)):
        copy = run(fresh.get(name))
        assert copy is not None
        assert (copy.order, copy.as_of) == max((each.order, each.as_of) for _, each in among)


def test_after_the_clock_stepped_back_the_next_read_renews_the_copy(run: Runner) -> None:
    """A copy that was made before the clock stepped back gives way, in the process and in the cache, to the next copy
    of the same state: until its time came, it would count as new, however old it is."""
    now, copies = time.time(), run.copies()
    run(copies.put([("user:ada", EntityCopy(ADA, now + 3600))]))
    assert not copies.has_as_good("user:ada", EntityCopy(ADA, now), soft_s=60)
    run(copies.put([("user:ada", EntityCopy(ADA, now))]))
    assert run.entity(copies, "ada") == run.entity(run.copies(), "ada") == EntityCopy(ADA, now)


@settings(max_examples=60, suppress_health_check=SHARED_FIXTURES)
@given(
    st.binary(max_size=100)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner)
    ).map(lambda value: json.dumps(value).encode("utf-8", "replace"))
)
def test_whatever_is_there_is_a_miss_and_gives_way(run: Runner, there: bytes) -> None:
    """Any content under a copy's key, such as another build's copy, is a miss without an exception, and the next copy
    replaces it."""
    now = time.time()
    with run.server.client() as redis:
        redis.set("holdfast:cache:user:ada", there)
        redis.set(f"holdfast:cache:{PAGE}", there)
    assert run.entity(run.copies(), "ada") is None
    assert run(run.copies().page(PAGE, "users")) is None
    run(run.copies().put([("user:ada", EntityCopy(ADA, now)), (PAGE, PageCopy.of([ADA], 1, now))]))
    page = run(run.copies().page(PAGE, "users"))
    assert page is not None
    assert page.entities == [ADA]


def test_another_kind_of_key_gives_way(run: Runner) -> None:
    """A list under a copy's key is a miss, and the next copy replaces it."""
    with run.server.client() as redis:
        redis.rpush("holdfast:cache:user:ada", "x")
    assert run.entity(run.copies(), "ada") is None
    run(run.copies().put([("user:ada", EntityCopy(ADA, 1.0))]))
    with run.server.client() as redis:
        assert redis.type("holdfast:cache:user:ada") == b"string"


def test_of_its_own_and_the_caches_the_newer_is_shown(run: Runner) -> None:
    """The newer of the copy in memory and the copy in the cache is shown, whichever of the two learned of a delete."""
    now = time.time()
    copies = run.copies()
    run(copies.put([("user:bob", EntityCopy(BOB, now))]))
    assert run(copies.bury([("user:bob", EntityCopy(GONE, now)), ("user:ada", EntityCopy(ADA, now))], [])) is True
    copy = run.entity(copies, "bob")
    assert copy is not None
    assert copy.entity == GONE
    assert run.entity(copies, "ada") is None  # there was no copy of this user to replace
    run(run.copies().put([("user:bob", EntityCopy(GONE, now))]))
    copy = run.entity(run.copies(), "bob")
    assert copy is not None
    assert copy.entity.deleted_version
