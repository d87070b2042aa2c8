"""The schedule of faults, and what clients ask for: drawn from a seed, and nothing is left out."""

import random
from itertools import pairwise

import pytest

from tests.promises.history import Ok, Shown
from tests.verify.schedule import drawn, kinds
from tests.verify.workload import Wish, Workload

_SERVICES = ("api-1", "api-2", "writer-1", "writer-2", "dlq-admin-1", "dlq-admin-2", "external-proxy")
_LINKS = ("api → queue", "api → cache", "writer → database")


@pytest.mark.parametrize("seconds", [15, 60, 560])
@pytest.mark.parametrize("seed", range(5))
def test_a_schedule_breaks_everything_and_no_target_twice_at_a_time(seed: int, seconds: float) -> None:
    """Whatever the seed; and the same seed breaks the same."""
    every = kinds(_SERVICES, _LINKS)
    schedule = drawn(seed, seconds, every)
    assert schedule == drawn(seed, seconds, every)
    assert schedule != drawn(seed + 1, seconds, every)
    for kind in every:
        assert any(planned.what == kind.what and planned.target in kind.targets for planned in schedule), kind
    assert all(0 <= planned.at_s < 1.5 * seconds for planned in schedule)
    for target in {planned.target for planned in schedule}:
        mine = [planned for planned in schedule if planned.target == target]
        assert all(before.at_s + before.lasts_s <= after.at_s for before, after in pairwise(mine))


def _wishes(seed: int) -> list[Wish]:
    workload = Workload(random.Random(seed))
    wishes = []
    for number in range(600):
        wish = workload.wish(number)
        wishes.append(wish)
        shown = (Shown(wish.path.split("/")[2], number, {}),) if wish.path.startswith("/users/") else ()
        workload.learn(wish, Ok(0, number, 202, f"operation-{number}", f"user-{number}", shown=shown))
    return wishes


def test_clients_ask_for_everything_and_the_same_seed_asks_the_same() -> None:
    """Each method, reads of each kind, conditions, waits, impatience, and writes without a key."""
    wishes = _wishes(1)
    assert wishes == _wishes(1)
    assert wishes != _wishes(2)
    assert {wish.method for wish in wishes} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    reads = {wish.path.split("/")[1].partition("?")[0] for wish in wishes if wish.method == "GET"}
    assert reads == {"users", "operations", "external-api"}
    writes = [wish for wish in wishes if wish.method != "GET"]
    for seen in (
        [wish.if_match for wish in writes],
        [wish.wait_s for wish in writes],
        [wish.patience_s for wish in writes if wish.key],
        [not wish.key for wish in writes],
    ):
        assert any(seen)
        assert not all(seen)
    keys = [wish.key for wish in writes if wish.key]
    assert len(keys) == len(set(keys))
