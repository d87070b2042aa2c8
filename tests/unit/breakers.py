"""What the breaker's tests share: a clock that only they advance, and breakers that use it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import CallRefused

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Monotonic seconds, and the time of day that belongs to them."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the current moment, in monotonic seconds."""
        return self.now

    def wall(self) -> datetime:
        """Return the current time of day."""
        return self.of_day(self.now)

    def of_day(self, moment: float) -> datetime:
        """Return the time of day of a moment."""
        return EPOCH + timedelta(seconds=moment - 1000.0)

    def advance(self, by_s: float) -> None:
        """Let time pass."""
        self.now += by_s


class Chance:
    """A random source that always returns the same number; 0.5 leaves a jittered time as it is."""

    def __init__(self) -> None:
        self.next = 0.5

    def __call__(self) -> float:
        """Return the number."""
        return self.next


def breaker(clock: Clock, chance: Chance | None = None, **more: Any) -> Breaker:
    """Return a breaker on that clock, without a ramp by default. The rest of `more` is its policy."""
    own = {name: more.pop(name) for name in ("classify", "deadline") if name in more}
    policy = Policy(**({"ramp_s": 0.0} | more))
    return Breaker("dependency", policy, clock=clock, wall=clock.wall, random=chance or Chance(), **own)


def succeed(one: Breaker, times: int = 1) -> None:
    """Make calls that succeed."""
    for _ in range(times):
        with one.guard():
            pass


def fail(one: Breaker, times: int = 1, error: type[BaseException] = RuntimeError) -> None:
    """Make calls that fail with `error`."""
    for _ in range(times):
        with pytest.raises(error), one.guard():
            raise error


def opened(one: Breaker) -> Breaker:
    """Open the breaker, and return it."""
    fail(one, 5, ConnectionError)
    assert one.opened
    return one


def half_open(one: Breaker, clock: Clock) -> Breaker:
    """Open the breaker, wait until it is half-open, and return it."""
    opened(one)
    clock.advance(one.open_remaining)
    assert one.state == "half_open"
    return one


def refused(one: Breaker) -> CallRefused:
    """Return the refusal of the next call."""
    with pytest.raises(CallRefused) as caught:
        succeed(one)
    return caught.value


def closed_again(one: Breaker, clock: Clock) -> Breaker:
    """Open the breaker, close it with three probes, and return it."""
    succeed(half_open(one, clock), 3)
    assert one.closed
    return one
