"""The cache Redis dead or frozen: nobody notices while the database answers; else the process itself remembers."""

from collections.abc import Callable

import pytest

from tests.faults.rig import AWAY, Rig, stale, within

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
        assert stale(rig.client.get(path))["data"]["email"] == "ada@example.com"
    rig.open_breaker()
    with within():
        assert stale(rig.while_open(path))["cached_user"]["email"] == "ada@example.com"
    rig.to_database.heal()
    rig.wait_until_fresh(path)
