"""The cache Redis dead or frozen: nobody notices while the database answers; else the process itself remembers."""

from collections.abc import Callable

import pytest

from tests.faults.rig import AWAY, Rig, stale, within
from tests.servers import wait_until

BREAK: dict[str, Callable[[Rig], None]] = {
    "killed": lambda rig: rig.cache.kill(),
    "frozen": lambda rig: rig.cache.freeze(),
}


@pytest.mark.parametrize("how", BREAK)
def test_copies_are_a_help_and_no_need(rig: Rig, how: str) -> None:
    """Reads are fresh and writes are accepted without it; without the database too, this process still knows."""
    path = rig.known_user()
    BREAK[how](rig)
    rig.wait_until_fresh(path)
    with within():
        assert rig.client.get("/users").json()["success"] is True
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
    """Nobody reads the user a second time; the cache has the copy once it is back."""
    errors = 'holdfast_cache_requests_total{result="error"}'
    rig.to_cache.set(AWAY)
    rig.to_queue.set(AWAY)
    before = rig.api.metric(errors)
    user = rig.client.post("/users", json={"name": "Eve", "email": "eve@example.com"}).headers["location"]
    wait_until(lambda: rig.api.metric(errors) > before, what="it was not taken")
    with rig.cache.client() as cache:
        copy = "holdfast:cache:user:" + user.removeprefix("/users/")
        assert not cache.exists(copy)
        rig.to_cache.heal()
        wait_until(lambda: cache.exists(copy), what="copied")
