"""A dependency that asks for a pause: the breaker obeys, and does not count it as a failure."""

import pytest

from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.resilience.breaker.verdict import Judgement, Throttled, Verdict
from tests.unit.breakers import Clock, breaker, fail, half_open, refused, succeed


class TooMany(Exception):
    """The error of a 429 with `Retry-After: 7`."""


def throttled_for_7(error: Exception) -> Judgement:
    """Return the verdict of a client of an HTTP service: throttled for 7 s by a 429, unreachable on any other error."""
    return Throttled(7) if isinstance(error, TooMany) else Verdict.UNREACHABLE


def test_throttled_shuts_the_door_without_counting(clock: Clock) -> None:
    """A throttled breaker stays closed, so that the quota that is left is not lost, but refuses calls until the time
    that the dependency gave."""
    one = breaker(clock, classify=throttled_for_7)
    fail(one, 1, TooMany)
    refusal = refused(one)
    assert (refusal.refusal, refusal.retry_after_s) == ("throttled", 7)
    assert one.closed
    assert one.snapshot().counts.calls == 0
    assert one.snapshot().not_before == clock.of_day(clock.now + 7)
    clock.advance(7)
    succeed(one)


def test_a_shorter_wait_does_not_shorten_a_longer_one(clock: Clock) -> None:
    """When the quota ends while two calls are in flight, the longer wait holds, and no wait is longer than a minute."""
    waits = iter((Throttled(7200), Throttled(1)))
    one = breaker(clock, classify=lambda _error: next(waits))
    other = one.guard()
    other.__enter__()
    fail(one, 1, TooMany)
    other.__exit__(TooMany, TooMany(), None)
    assert refused(one).retry_after_s == 60


def test_a_throttled_probe_gives_its_lease_back(clock: Clock) -> None:
    """A throttled probe has no verdict and gives its lease back; the next probe goes when the dependency allows it."""
    one = half_open(breaker(clock, classify=throttled_for_7), clock)
    fail(one, 1, TooMany)
    assert one.state is State.HALF_OPEN
    assert refused(one).retry_after_s == 7
    assert one.snapshot().next_probe_at == clock.of_day(clock.now + 7)
    clock.advance(7)
    succeed(one, 3)
    assert one.closed


@pytest.mark.parametrize("for_s", [-1, float("nan"), float("inf")])
def test_a_wait_that_is_no_time_is_refused(for_s: float) -> None:
    """A wait that is negative or not finite is refused, because `Retry-After` comes from outside."""
    with pytest.raises(ValueError, match="for_s"):
        Throttled(for_s)
