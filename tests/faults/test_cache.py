"""The cache Redis dead or frozen: nobody notices while the database answers; else the process itself remembers."""

from collections.abc import Callable

import pytest

from tests.faults.rig import AWAY, Rig, stale, within
from tests.integration.test_api_accepts import ADA

BREAK: dict[str, Callable[[Rig], None]] = {
    "killed": lambda rig: rig.cache.kill(),
    "frozen": lambda rig: rig.cache.freeze(),
}


@pytest.mark.parametrize("how", BREAK)
def test_copies_are_a_help_and_no_need(rig: Rig, how: str) -> None:
    """Reads are fresh and writes are accepted without it; without the database too, this process still knows."""
    path = rig.known_user()
    BREAK[how](rig)
    with within():
        answer = rig.client.get(path).json()
        assert (answer["success"], "stale" in answer["meta"]) == (True, False)
        assert rig.client.get("/users").json()["success"] is True
        assert rig.client.post("/users", json=ADA | {"email": "x@example.com"}).status_code == 202
    rig.to_database.set(AWAY)
    with within():
        assert stale(rig.client.get(path))["data"]["email"] == "ada@example.com"
    rig.open_breaker()
    with within(1):
        assert stale(rig.client.get(path))["cached_user"]["email"] == "ada@example.com"
    rig.to_database.heal()
    rig.wait_until_fresh(path)
