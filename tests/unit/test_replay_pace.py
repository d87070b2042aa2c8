"""A replay keeps its rate, waits for the results of canaries, and stops if it does harm."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.dlq_admin.replays.pace import Bucket, canary_allows, step_of
from holdfast.services.dlq_admin.replays.stop_rules import Recent, Surroundings, why_stop
from holdfast.shared.letters.replays.plan import Counts, ItemState, StopRules

CALM = Surroundings()


@given(st.floats(0.5, 5000), st.integers(0, 2**32), st.integers(1, 400))
def test_the_rate_is_kept_whatever_the_moments(rate: float, seed: int, most: int) -> None:
    """The number sent is never ahead of the rate and, if the bucket is asked often enough, never behind it by more than
    a batch and one."""
    chance = random.Random(seed)
    bucket, now, sent = Bucket(rate, 0.0), 0.0, 0
    for _ in range(300):
        now += chance.uniform(0, min(0.4, most / rate))
        count = min(bucket.has(now), most)
        bucket.spend(count)
        sent += count
        assert sent <= rate * now + 1e-6
        assert sent >= rate * now - most - 1
    assert bucket.wait_s() <= 1 / rate + 1e-6


def test_a_stall_is_not_made_up_for_at_once() -> None:
    """After a stall of an hour, at most half a second's worth is sent at once."""
    bucket = Bucket(100, 0.0)
    assert bucket.has(3600) == 51
    bucket.spend(51)
    assert bucket.has(3600) == 0
    assert bucket.wait_s() == pytest.approx(0.01)
    assert bucket.has(3600.01) == 1


def test_each_canary_step_waits_for_all_results() -> None:
    """The canary steps of 1, 5 and 25 each wait for all results before the full rate begins. A new driver continues in
    the middle of a step."""
    canary = (1, 5, 25)
    assert canary_allows(canary, 0, 0) == 1
    assert canary_allows(canary, 1, 1) == 0
    assert canary_allows(canary, 1, 0) == 5
    assert canary_allows(canary, 3, 2) == 3
    assert canary_allows(canary, 6, 1) == 0
    assert canary_allows(canary, 6, 0) == 25
    assert canary_allows(canary, 31, 1) == 0
    assert canary_allows(canary, 31, 0) is None
    assert canary_allows(canary, 40, 9) is None
    assert canary_allows((), 0, 0) is None
    assert [step_of(canary, sent) for sent in (0, 1, 2, 6, 7, 31, 32)] == [1, 1, 2, 2, 3, 3, 4]


def counts(**states: int) -> Counts:
    """Return counts by the names of the states."""
    return Counts({ItemState(name): count for name, count in states.items()})


def test_it_stops_when_too_many_fail_as_before() -> None:
    """A replay stops if too large a share fails as before, but not on the first few of many. Other failures do not
    count, and neither do failures from before a resume."""
    rules, nothing = StopRules(failing_share=0.2), counts()
    assert why_stop(rules, counts(failed_same=1), nothing, Recent(), CALM)
    assert why_stop(rules, counts(failed_same=1, sent=500), nothing, Recent(), CALM) is None
    assert why_stop(rules, counts(failed_same=5, applied=16, sent=500), nothing, Recent(), CALM)
    assert why_stop(rules, counts(failed_same=4, applied=16, sent=500), nothing, Recent(), CALM) is None
    assert why_stop(rules, counts(failed_differently=30), nothing, Recent(), CALM) is None
    assert why_stop(rules, counts(failed_same=30), counts(failed_same=30), Recent(), CALM) is None
    assert why_stop(StopRules(failing_share=1), counts(failed_same=30), nothing, Recent(), CALM) is None


def test_it_stops_when_it_begins_to_fail_late() -> None:
    """After ten thousand good results, a replay that begins to fail stops by its newest results and not by the mean of
    all."""
    recent = Recent()
    recent.add([ItemState.APPLIED] * 150 + [ItemState.FAILED_SAME] * 50)
    reason = why_stop(StopRules(failing_share=0.2), counts(applied=10_000, failed_same=50), counts(), recent, CALM)
    assert reason == "25% of the results failed again as before, more than 20%"
    recent.clear()
    assert recent.share is None


@pytest.mark.parametrize(
    ("around", "why"),
    [(Surroundings(depth=20_001), "lags"), (Surroundings(waiting_s=31), "lags"),
     (Surroundings(open_breakers=("writer-1",)), "breaker is open: writer-1")],
)  # fmt: skip
def test_it_stops_for_the_sake_of_others(around: Surroundings, why: str) -> None:
    """A replay stops if live traffic lags, because live traffic comes first, or if a breaker is open, so that a
    database that is away gets no more load."""
    reason = why_stop(StopRules(), counts(applied=10), counts(), Recent(), around)
    assert reason is not None
    assert why in reason
    off = StopRules(breaker=False, backlog_max=10**9, backlog_age_s=10**9)
    assert why_stop(off, counts(applied=10), counts(), Recent(), around) is None


@pytest.mark.parametrize(
    ("around", "matter", "end"),
    [({"halted": {"writer-1": "invalid_data: a column"}}, "Halted: writer-1 (invalid_data: a column)", "go on"),
     ({"holding": ("writer-0", "writer-1")}, "database is away for writer-0, writer-1", "when it is back"),
     ({"writers": 0}, "No writer", "start one"), ({"writers": 2}, "busy", "run more of them"),
     ({"writers": None}, "unknown", "does not answer")],
    ids=["halted", "database away", "no writer", "busy", "no reports"],
)  # fmt: skip
def test_why_live_traffic_lags_is_named(around: dict[str, Any], matter: str, end: str) -> None:
    """The reason for a stop names why live traffic lags and what ends it, whether the lag is a number of writes or
    their age."""
    for lag in ({"depth": 20_001}, {"waiting_s": 31.0}):
        reason = why_stop(StopRules(), counts(applied=10), counts(), Recent(), Surroundings(**lag, **around))
        assert reason is not None
        assert reason.startswith("live traffic lags")
        assert matter in reason
        assert reason.endswith(end)
