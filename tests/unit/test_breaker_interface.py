"""What the package's users know: decorators of four kinds, fallbacks, the monitor, the names."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction

import circuitbreaker
import pytest
from circuitbreaker import CircuitBreakerError, CircuitBreakerMonitor
from prometheus_client import REGISTRY

from holdfast.shared.resilience.breaker.snapshot import State
from tests.unit.breakers import Clock, breaker, fail, half_open, opened, succeed


def test_the_states_have_the_packages_names() -> None:
    """Code that compares with its constants goes on to work."""
    assert State.CLOSED == circuitbreaker.STATE_CLOSED
    assert State.OPEN == circuitbreaker.STATE_OPEN
    assert State.HALF_OPEN == circuitbreaker.STATE_HALF_OPEN


async def test_a_decorated_function_stays_what_it_is(clock: Clock) -> None:
    """Frameworks look at the kind of a function; and each kind is counted."""
    one = breaker(clock)

    @one
    async def coroutine() -> int:
        """Doc."""
        return 1

    @one
    def generator() -> Iterator[int]:
        yield 1

    @one
    async def async_generator() -> AsyncIterator[int]:
        yield 1

    @one
    def plain() -> int:
        return 1

    assert iscoroutinefunction(coroutine)
    assert isgeneratorfunction(generator)
    assert isasyncgenfunction(async_generator)
    assert (coroutine.__name__, coroutine.__doc__) == ("coroutine", "Doc.")
    assert [await coroutine(), *generator(), *[each async for each in async_generator()], plain()] == [1, 1, 1, 1]
    assert one.snapshot().counts.calls == 4


async def test_a_fallback_answers_refused_calls(clock: Clock) -> None:
    """With the arguments of the call; of the kind of the function."""

    async def instead(number: int) -> int:
        return -number

    async def negative(number: int) -> AsyncIterator[int]:
        yield -number

    async def work(number: int) -> int:
        return number

    async def stream(number: int) -> AsyncIterator[int]:
        yield number

    assert await opened(breaker(clock, fallback_function=instead)).decorate(work)(7) == -7
    streamed = opened(breaker(clock, fallback_function=negative)).decorate
    CircuitBreakerMonitor.circuit_breakers.clear()
    assert [each async for each in streamed(stream)(7)] == [-7]
    assert opened(breaker(clock, fallback_function=lambda number: -number)).call(abs, 7) == -7
    assert list(opened(breaker(clock, fallback_function=lambda _: iter("ab"))).call_generator(iter, "cd")) == ["a", "b"]


async def test_a_consumer_that_stops_reading_says_nothing(clock: Clock) -> None:
    """Of a generator, only its own error or its end is judged; how long its consumer took is not."""
    one = half_open(breaker(clock, probes=1), clock)

    def numbers() -> Iterator[int]:
        yield from range(3)

    reading = one.call_generator(numbers)
    assert next(reading) == 0
    reading.close()
    assert one.state is State.HALF_OPEN
    for _ in one.call_generator(numbers):
        clock.advance(0.5)
    assert one.closed


async def test_a_call_that_is_collected_gives_its_lease_back(clock: Clock) -> None:
    """Nobody awaits it any more, and its end comes from a finaliser."""
    one = half_open(breaker(clock), clock)
    abandoned = one.call_async(asyncio.Event().wait)
    abandoned.send(None)
    with pytest.raises(CircuitBreakerError):
        succeed(one)
    del abandoned
    gc.collect()
    succeed(one)


def test_the_monitor_finds_it_once_registered(clock: Clock) -> None:
    """Making one has no effect on the process; a name is taken once."""
    one, other = breaker(clock), breaker(clock)
    assert CircuitBreakerMonitor.get("dependency") is None
    one.register()
    one.register()
    assert CircuitBreakerMonitor.all_closed()
    opened(one)
    assert list(CircuitBreakerMonitor.get_open()) == [one]
    with pytest.raises(ValueError, match="dependency"):
        other.register()
    assert CircuitBreakerMonitor.get("dependency") is one


def test_metrics_follow(clock: Clock) -> None:
    """One-hot states, refusals by reason, bad ends by verdict."""
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
