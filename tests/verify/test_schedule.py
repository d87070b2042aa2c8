"""The schedule of faults, and what clients ask for: drawn from a seed, and nothing is left out."""

import random
from itertools import pairwise

import pytest

from holdfast.services.api.status import summary
from tests.promises.history import Ok, Shown
from tests.promises.sometimes import kind_of
from tests.verify.clients import not_closed
from tests.verify.schedule import SHORT_S, TAKEN_OVER, again, down_alone, drawn, kinds
from tests.verify.workload import Wish, Workload

_SERVICES = ("api-1", "api-2", "writer-1", "writer-2", "dlq-admin-1", "dlq-admin-2", "external-proxy")
_LINKS = ("api → queue", "api → cache", "writer → database")


@pytest.mark.parametrize("seconds", [15, 60, 560])
@pytest.mark.parametrize("seed", range(5))
def test_a_schedule_breaks_everything_and_no_target_twice_at_a_time(seed: int, seconds: float) -> None:
    """Each seed breaks every kind of target, no target twice at a time, and the same seed gives the same schedule."""
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


@pytest.mark.parametrize("seconds", [15, 60, 560])
def test_each_store_is_down_alone_and_the_longer_the_run_the_more_of_ours(seconds: float) -> None:
    """Dependencies are down alone, each with all its replicas: one in 15 s, four in 60 s, six in 560 s. In all but the
    shortest runs the cache comes last, because it holds the copies."""
    for seed in range(5):
        down = down_alone(seed, seconds, _SERVICES)
        assert down == down_alone(seed, seconds, _SERVICES)
        names = [each.dependency for each in down]
        assert len(names) == {15: 1, 60: 4, 560: 6}[int(seconds)]
        assert {"database", "queue"} <= set(names) or seconds < SHORT_S
        assert names[-1] == "cache" or seconds < SHORT_S
        assert all(fault.target.startswith(each.dependency) for each in down for fault in each.faults)


def test_what_chance_did_not_bring_about_is_tried_again() -> None:
    """A kind of fault that chance missed is scheduled again, and so is a fault that leads to an event which clients did
    not meet. For an event that no fault can cause, nothing is scheduled."""
    every = kinds(_SERVICES, _LINKS)
    for kind in every:
        missed = kind_of(kind.what, kind.targets[0])
        assert any(kind_of(fault.what, fault.target) == missed for fault in again([missed], every, _SERVICES))
    assert [fault.what for fault in again(["write applied past the queue"], every, _SERVICES)] == ["power loss"]
    assert {fault.target for fault in again([TAKEN_OVER], every, _SERVICES)} == {"dlq-admin-1", "dlq-admin-2"}
    assert again(["letter applied"], every, _SERVICES) == ()


@pytest.mark.parametrize("state", ["closed", "open", "half_open", "stale"])
def test_all_is_well_when_no_breaker_is_open(state: str) -> None:
    """The system is healthy if no breaker is open or half open in the api's own summary; otherwise the breaker is
    named."""
    one = {"name": "database", "instance": "api-1", "state": "open", "report": {"stale": True}}
    if state != "stale":
        one |= {"state": state, "report": {"stale": False}}
    found = summary([one])
    assert bool(not_closed([one])) is (found["open"] + found["half_open"] > 0)
    assert not_closed([one]) == ("" if state in ("closed", "stale") else f"database of api-1 {state}")


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
    """Clients use each method, each kind of read, conditions, waits, short timeouts, and writes without a key; the same
    seed gives the same requests."""
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
