"""How a breaker that has closed admits every call again: by the results of calls, and not by the clock."""

from contextlib import AbstractContextManager, suppress

import pytest

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from tests.unit.breakers import Clock, breaker, closed_again, fail, refused, succeed


def together(one: Breaker, calls: int) -> tuple[list[AbstractContextManager[None]], int]:
    """Make `calls` concurrent calls, and return those that pass and how many were refused."""
    passed = []
    for _ in range(calls):
        guard = one.guard()
        with suppress(CallRefused):
            guard.__enter__()
            passed.append(guard)
    return passed, calls - len(passed)


def test_after_closing_each_success_makes_room_for_one_more(clock: Clock) -> None:
    """After closing, each success admits one more call, so that the calls in flight double with each round trip; no
    time has to pass."""
    one = closed_again(breaker(clock, ramp_s=10.0, ramp_from=8, ramp_to=64), clock)
    for let_in in (8, 16, 32):
        assert one.snapshot().admitted_share == let_in / 64
        passed, turned_away = together(one, 100)
        assert (len(passed), turned_away) == (let_in, 100 - let_in)
        refusal = refused(one)
        assert refusal.refusal == "ramping"
        assert 0 < refusal.retry_after_s <= 1
        for call in passed:
            call.__exit__(None, None, None)
    assert one.snapshot().admitted_share == 1
    assert together(one, 100)[1] == 0


def test_a_ramp_waits_for_slow_calls_and_not_for_the_clock(clock: Clock) -> None:
    """While the first calls of a ramp are in flight, no other call passes, and slow calls and failures admit no
    more."""
    one = closed_again(breaker(clock, ramp_s=100.0, ramp_from=4, ramp_to=64), clock)
    passed, _ = together(one, 10)
    clock.advance(0.9)
    for call in passed:
        call.__exit__(None, None, None)
    assert len(together(one, 10)[0]) == 4


def test_one_call_at_a_time_is_never_refused(clock: Clock) -> None:
    """A caller that makes one call at a time is never refused by a ramp, and its successes end the ramp."""
    one = closed_again(breaker(clock, ramp_s=10.0, ramp_from=8, ramp_to=64), clock)
    succeed(one, 56)
    assert one.undisturbed


def test_a_ramp_has_an_end(clock: Clock) -> None:
    """A ramp ends after its time of 10 s, however few calls have come back."""
    one = closed_again(breaker(clock, ramp_s=10.0), clock)
    together(one, 1)
    clock.advance(10)
    assert together(one, 100)[1] == 0


def test_it_may_open_while_ramping(clock: Clock) -> None:
    """A breaker may open during a ramp, and then stays open for longer than before."""
    one = closed_again(breaker(clock, ramp_s=10.0), clock)
    fail(one, 5, ConnectionError)
    assert one.opened
    assert refused(one).retry_after_s == pytest.approx(10)
