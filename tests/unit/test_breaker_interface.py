"""The interface that users of the package know: the names of states and errors; and the two forms of a call."""

import asyncio
import gc

import circuitbreaker
import pytest
from circuitbreaker import CircuitBreakerError
from prometheus_client import REGISTRY

from holdfast.shared.resilience.breaker.snapshot import State
from tests.unit.breakers import Clock, breaker, fail, half_open, opened, succeed


def test_the_states_have_the_packages_names() -> None:
    """The states equal the package's constants, so that code that compares with them goes on to work."""
    assert State.CLOSED == circuitbreaker.STATE_CLOSED
    assert State.OPEN == circuitbreaker.STATE_OPEN
    assert State.HALF_OPEN == circuitbreaker.STATE_HALF_OPEN


def test_only_its_own_two_forms_let_a_call_through(clock: Clock) -> None:
    """The package's other forms of a call raise TypeError, because they would not count refusals, or could not know
    which of several calls has ended."""
    one = breaker(clock)
    with pytest.raises(TypeError, match="call_async"), one:
        pass
    for form in (one, one.decorate, one.call, lambda call: next(one.call_generator(call))):
        with pytest.raises(TypeError, match="call_async"):
            form(succeed)
    assert one.snapshot().counts.calls == 0


async def test_a_call_that_is_collected_gives_its_lease_back(clock: Clock) -> None:
    """A probe that is no longer awaited gives its lease back when a finaliser ends its coroutine."""
    one = half_open(breaker(clock), clock)
    abandoned = one.call_async(asyncio.Event().wait)
    abandoned.send(None)
    with pytest.raises(CircuitBreakerError):
        succeed(one)
    del abandoned
    gc.collect()
    succeed(one)


def test_metrics_follow(clock: Clock) -> None:
    """The metrics show the state one-hot, refusals by reason, and unsuccessful calls by verdict."""
    one = breaker(clock)

    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"holdfast_breaker_{name}", {"breaker": "dependency"} | labels) or 0.0

    refusals, bad = value("refused_calls_total", reason="open"), value("unsuccessful_calls_total", verdict="failure")
    fail(one)
    opened(one)
    with pytest.raises(CircuitBreakerError):
        succeed(one)
    assert [value("state", state=each.value) for each in State] == [0, 1, 0]
    assert value("refused_calls_total", reason="open") == refusals + 1
    assert value("unsuccessful_calls_total", verdict="failure") == bad + 1
