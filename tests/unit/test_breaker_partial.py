"""Partial failure: a breaker that opened for it would give no answers, although a half or a tenth of the calls
succeed."""

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from tests.unit.breakers import Clock, breaker, fail, opened, refused, succeed

_NEARLY_ALWAYS = 0.99
_PROBE_EVERY_S = 0.5
_DOUBTED = 250


def refused_share(share: float, error: type[Exception], per_s: float, *, healthy_s: float, seed: int) -> float:
    """Return the share of calls that is refused in five minutes in which each call fails with the probability
    `share`."""
    clock, chance = Clock(), Random(seed)
    one = breaker(clock, open_s=_PROBE_EVERY_S, open_max_s=_PROBE_EVERY_S, doubted_calls=_DOUBTED)
    for _ in range(int(per_s * healthy_s)):
        clock.advance(1 / per_s)
        succeed(one)
    calls = max(1500, int(per_s * 300))
    refused = 0
    for _ in range(calls):
        clock.advance(1 / per_s)
        try:
            _call(one, error if chance.random() < share else None)
        except CallRefused:
            refused += 1
    return refused / calls


def _call(one: Breaker, error: type[Exception] | None) -> None:
    with suppress(RuntimeError, ConnectionError), one.guard():
        if error is not None:
            raise error


@pytest.mark.parametrize("error", [RuntimeError, ConnectionError])
@pytest.mark.parametrize("share", [0.35, 0.6, 0.85, _NEARLY_ALWAYS])
def test_calls_that_fail_in_part_pass(share: float, error: type[Exception]) -> None:
    """At most 5 % of the calls are refused while 35 to 99 % of them fail, with errors or with lost connections."""
    assert refused_share(share, error, 20.0, healthy_s=30.0, seed=1) <= 0.05


@settings(max_examples=15)
@given(st.floats(0, 0.9), st.sampled_from([1.0, 3.0, 10.0]), st.integers(0, 1000))
def test_at_any_share_and_pace(share: float, per_s: float, seed: int) -> None:
    """At most 15 % of the calls are refused while up to 90 % fail, even at one call a second. Near 90 %, a long run of
    failures may be chance."""
    assert refused_share(share, RuntimeError, per_s, healthy_s=30.0, seed=seed) <= 0.15


@pytest.mark.parametrize(("failed_of_ten", "most"), [(0, 20), (3, 20), (5, 20), (7, 40), (9, 135)])
def test_what_fails_for_good_is_opened_soon_whatever_was_before(clock: Clock, failed_of_ten: int, most: int) -> None:
    """A dependency that fails for good opens the breaker after 20 failures in a row if it was good before, and after as
    many as chance does not explain if it was bad."""
    one = breaker(clock)
    for number in range(600):
        clock.advance(0.01)
        _call(one, RuntimeError if number % 10 < failed_of_ten else None)
    calls = 0
    while one.closed:
        fail(one)
        calls += 1
    assert 20 <= calls <= most
    why = one.snapshot().opened
    assert why is not None
    assert (why.why, why.counts.failures_in_a_row) == ("failures_in_a_row", calls)


def test_a_window_without_a_success_is_enough_whatever_was_before(clock: Clock) -> None:
    """20 failures in a window without a success open the breaker even after a bad time, because at few calls a second
    its share of failures is soon forgotten."""
    one = breaker(clock)
    for _ in range(300):
        fail(one)
        if one.closed:
            succeed(one)
    assert one.closed
    clock.advance(30)
    fail(one, 19)
    assert one.closed
    fail(one)
    assert one.opened


def test_in_doubt_calls_pass_one_at_a_time_until_enough_have_failed(clock: Clock) -> None:
    """An open breaker in doubt lets calls pass one at a time until `doubted_calls` have failed, and then pauses between
    its probes."""
    one = opened(breaker(clock, doubted_calls=3))
    with suppress(ConnectionError), one.guard():
        assert refused(one).refusal == "probing"
        raise ConnectionError
    fail(one)
    assert (one.state, one.open_remaining) == ("open", 0)
    fail(one)
    assert (refused(one).refusal, one.open_remaining) == ("open", 5)
    clock.advance(5)
    fail(one)
    assert refused(one).refusal == "open"


def test_a_success_in_doubt_and_a_failure_close_it(clock: Clock) -> None:
    """A success and a failure in doubt close the breaker without a pause, because the dependency fails in part."""
    one = opened(breaker(clock, doubted_calls=3))
    succeed(one)
    fail(one)
    assert one.closed
    assert one.snapshot().transitions[-1].why == "fails_in_part"


def test_what_hangs_gets_no_benefit_of_the_doubt(clock: Clock) -> None:
    """No calls pass in doubt if a slow call or a share of harmful failures opened the breaker, nor after a call in
    doubt was slow or never returned."""
    harmful = breaker(clock, doubted_calls=3, failure_share=0.5)
    succeed(harmful, 10)
    fail(harmful, 10)
    assert refused(harmful).refusal == "open"
    slow = breaker(clock, doubted_calls=3)
    fail(slow, 4, TimeoutError)
    with suppress(TimeoutError), slow.guard():
        clock.advance(1)
        raise TimeoutError
    assert refused(slow).refusal == "open"
    doubted = opened(breaker(clock, doubted_calls=3))
    with suppress(TimeoutError), doubted.guard():
        clock.advance(1)
        raise TimeoutError
    assert refused(doubted).refusal == "open"
    left = opened(breaker(clock, doubted_calls=3))
    leaked = left.guard()
    leaked.__enter__()
    clock.advance(2)
    assert refused(left).refusal == "open"
    leaked.__exit__(None, None, None)


def test_how_often_it_failed_is_remembered_for_minutes(clock: Clock) -> None:
    """After one success in a hundred calls, 300 more failures leave the breaker closed, because the share is remembered
    for minutes; a window without any success opens it."""
    one = opened(breaker(clock, doubted_calls=_DOUBTED))
    fail(one, 95)
    succeed(one)
    for calls in (1, 300):
        for _ in range(calls):
            clock.advance(0.05)
            fail(one)
        assert one.closed
    clock.advance(30)
    fail(one, 20)
    assert one.opened
