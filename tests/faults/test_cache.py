"""The cache Redis dead, frozen, slow, refusing, empty or cut off: clients notice nothing while the database answers;
otherwise the process's own memory serves copies."""

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from deploy.faults.faults import Faults, WayFaults
from tests.faults.rig import AWAY, Rig, stale, within
from tests.ports import free_port
from tests.servers import wait_until

BREAK: dict[str, Callable[[Rig], None]] = {
    "killed": lambda rig: rig.cache.kill(),
    "frozen": lambda rig: rig.cache.freeze(),
}


@pytest.mark.parametrize("how", ["killed", pytest.param("frozen", marks=pytest.mark.hangs)])
def test_copies_are_a_help_and_no_need(rig: Rig, how: str) -> None:
    """Without the cache, reads are fresh and writes are accepted; without the database too, the process reads copies
    from its own memory."""
    path = rig.known_user()
    BREAK[how](rig)
    rig.wait_until_fresh(path)
    with within():
        rig.wait_until_fresh("/users")
    rig.warm_up()
    rig.to_database.set(AWAY)
    with within():
        assert stale(rig.client.get(path))["email"] == "ada@example.com"
    rig.open_breaker()
    with within():
        assert stale(rig.while_open(path))["email"] == "ada@example.com"
    rig.to_database.heal()
    rig.wait_until_fresh(path)


def test_a_copy_that_the_cache_did_not_take_is_put_again(rig: Rig) -> None:
    """A copy that the cache did not take is put again once the cache is back, without another read of the user."""
    errors = 'holdfast_cache_requests_total{result="error"}'
    rig.to_cache.set(AWAY)
    rig.to_queue.set(AWAY)
    before = rig.api.metric(errors)
    user = rig.sent("POST", "/users", 201, json={"name": "Eve", "email": "eve@example.com"}).headers["location"]
    wait_until(lambda: rig.api.metric(errors) > before, what="it was not taken")
    with rig.cache.client() as cache:
        copy = "holdfast:cache:user:" + user.removeprefix("/users/")
        assert not cache.exists(copy)
        rig.to_cache.heal()
        wait_until(lambda: cache.exists(copy), what="copied")


@contextmanager
def on_the_way(rig: Rig, faults: Faults) -> Iterator[None]:
    """Set these faults between the api and the cache."""
    rig.to_cache.set(faults)
    yield
    rig.to_cache.heal()


@contextmanager
def refusing_writes(rig: Rig, command: str, value: str, well: str) -> Iterator[None]:
    """Set an option with which Redis refuses every write."""
    with rig.cache.client() as cache:
        cache.config_set(command, value)
        yield
        cache.config_set(command, well)


@contextmanager
def read_only(rig: Rig) -> Iterator[None]:
    """Make the cache a replica of a server that does not exist."""
    with rig.cache.client() as cache:
        cache.replicaof("127.0.0.1", free_port())
        yield
        cache.replicaof("NO", "ONE")


@contextmanager
def forgetting(rig: Rig) -> Iterator[None]:
    """Empty the cache."""
    with rig.cache.client() as cache:
        cache.flushall()
    yield


@contextmanager
def flapping(rig: Rig) -> Iterator[None]:
    """Cut the cache off and bring it back, five times."""
    for _ in range(5):
        rig.to_cache.set(AWAY)
        rig.client.get("/users")
        rig.to_cache.heal()
        rig.client.get("/users")
    yield


FAULTS: dict[str, Callable[[Rig], AbstractContextManager[None]]] = {
    "slow": lambda rig: on_the_way(rig, Faults(down=WayFaults(latency_ms=3000))),
    "half cut off": lambda rig: on_the_way(rig, Faults(down=WayFaults(cut_after_bytes=3))),
    "full": lambda rig: refusing_writes(rig, "maxmemory", "1", "0"),
    "answering errors": lambda rig: refusing_writes(rig, "min-replicas-to-write", "1", "0"),
    "read-only": read_only,
    "losing what it had": forgetting,
    "flapping": flapping,
}


def test_whatever_the_cache_does_reads_are_fresh(rig: Rig) -> None:
    """Under one cache fault after another, in random order, the latest write is read and writes are accepted;
    afterwards copies are kept again."""
    path = rig.known_user()
    rig.to_queue.set(AWAY)  # a write is read back from the database at once, without a writer
    for name in random.sample(list(FAULTS), len(FAULTS)):
        with FAULTS[name](rig):
            with within():
                assert rig.client.patch(path, json={"name": f"Ada, {name}"}).status_code == 200, name
            rig.wait_until_fresh(path)
            assert rig.client.get(path).json()["data"]["name"] == f"Ada, {name}"
    copy = "holdfast:cache:user:" + path.removeprefix("/users/")

    def kept() -> bool:
        with rig.cache.client() as cache:
            return rig.client.get(path).status_code == 200 and bool(cache.exists(copy))

    wait_until(kept, what="copies are kept again")
