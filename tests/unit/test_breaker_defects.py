"""The defects of the plain package: the first half of each test shows the defect there, the second that ours lacks
it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import circuitbreaker
import pytest
from circuitbreaker import CircuitBreaker, CircuitBreakerError

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from tests.unit.breakers import Clock, breaker, fail, half_open, opened, succeed


@pytest.fixture
def plain(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CircuitBreaker]:
    """A factory of the package's own breakers, on the test's clock."""
    monkeypatch.setattr(circuitbreaker, "monotonic", clock)

    def make(**more: Any) -> CircuitBreaker:
        return CircuitBreaker(**({"name": "plain", "failure_threshold": 5, "recovery_timeout": 5} | more))

    return make


async def fine() -> str:
    """Return, as a call that succeeds."""
    return "fine"


async def broken() -> None:
    """Raise ConnectionError, as a call that fails."""
    raise ConnectionError


async def failing(call: Callable[[], Awaitable[object]], times: int, error: type[BaseException]) -> None:
    """Call `call` `times` times, and check that each call ends with `error`."""
    for _ in range(times):
        with pytest.raises(error):
            await call()


async def let_through_of(two_hundred: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]) -> int:
    """Return how many of 200 concurrent calls are let through, if each waits until all have been tried."""
    arrived, all_tried = 0, asyncio.Event()

    async def call() -> None:
        nonlocal arrived
        arrived += 1
        await all_tried.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(200):
            tasks.create_task(_refusal_is_fine(two_hundred(call)))
        tasks.create_task(_after_one_turn(all_tried.set))
    return arrived


async def _refusal_is_fine(call: Awaitable[None]) -> None:
    with suppress(CircuitBreakerError):
        await call


async def _after_one_turn(then: Callable[[], None]) -> None:
    then()


async def test_half_open_admits_one_of_200(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """The package promises one test execution and lets all 200 calls through; ours lets one through."""
    theirs = plain()
    guarded = theirs.decorate(broken)
    await failing(guarded, 5, ConnectionError)
    clock.advance(6)
    assert theirs.state == circuitbreaker.STATE_HALF_OPEN
    assert await let_through_of(lambda call: theirs.decorate(call)()) == 200

    ours = half_open(breaker(clock), clock)
    assert await let_through_of(ours.call_async) == 1


async def test_steady_80_percent_failures_open_it(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """Failures of 80 % of the calls never open the package's breaker, which counts anew after each success; ours, with
    a failure share for dependencies whose failing calls do harm, sees them all in its window and opens."""

    async def one_in_five(guard: Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]) -> None:
        for turn in range(500):
            with suppress(ConnectionError):
                await guard(broken if turn % 5 else fine)

    theirs = plain()
    await one_in_five(lambda call: theirs.decorate(call)())
    assert theirs.state == circuitbreaker.STATE_CLOSED

    ours = breaker(clock, failure_share=0.5)
    with pytest.raises(CircuitBreakerError):
        await one_in_five(ours.call_async)
    assert ours.state == circuitbreaker.STATE_OPEN
    why = ours.snapshot().opened
    assert why is not None
    assert (why.why, why.counts.calls, why.counts.failures) == ("failure_share", 20, 16)


async def test_a_late_success_of_an_older_generation_changes_nothing(
    plain: Callable[..., CircuitBreaker], clock: Clock
) -> None:
    """A call from before the opening that succeeds late closes the package's breaker, and ours stays open."""

    async def late(guard: Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]) -> None:
        finish = asyncio.Event()
        early = asyncio.create_task(guard(finish.wait))
        await asyncio.sleep(0)
        await failing(lambda: guard(broken), 5, ConnectionError)
        finish.set()
        await early

    theirs = plain()
    await late(lambda call: theirs.decorate(call)())
    assert theirs.state == circuitbreaker.STATE_CLOSED

    ours = breaker(clock)
    await late(ours.call_async)
    assert ours.state == circuitbreaker.STATE_OPEN
    assert ours.snapshot().late_outcomes == 1


async def timed_out(guard: Callable[[Callable[[], Awaitable[object]]], Awaitable[object]], clock: Clock) -> None:
    """Make a call that a deadline of our own, outside the breaker, ends."""

    async def hung() -> None:
        clock.advance(1.0)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):  # expires at the first wait, when the test's clock has moved
            await guard(hung)


async def disconnected(guard: Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]) -> None:
    """Make a call whose client disconnects at once."""
    task = asyncio.create_task(guard(asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_our_own_deadline_counts(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """Twenty deadlines outside the breaker leave the package's breaker closed; ours opens at the fifth."""
    theirs = plain()
    for _ in range(20):
        await timed_out(lambda call: theirs.decorate(call)(), clock)
    assert theirs.state == circuitbreaker.STATE_CLOSED

    ours = breaker(clock)
    for _ in range(5):
        await timed_out(ours.call_async, clock)
    assert ours.state == circuitbreaker.STATE_OPEN
    why = ours.snapshot().opened
    assert why is not None
    assert why.why == "unreachable_in_a_row"


async def test_a_deadline_within_the_call_counts(clock: Clock) -> None:
    """A deadline inside the breaker counts as a failure, because it is a TimeoutError."""
    ours = breaker(clock)

    async def gives_up() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    await failing(lambda: ours.call_async(gives_up), 5, TimeoutError)
    assert ours.opened


async def test_the_requests_deadline_counts(clock: Clock) -> None:
    """The deadline of a request counts as well, although it is shorter than the attempt's timeout and known only to the
    caller."""
    ours = breaker(clock, attempt_timeout_s=5.0, deadline=lambda: clock.now)
    for _ in range(5):
        await timed_out(ours.call_async, clock)
    assert ours.opened


async def test_a_deadline_without_a_chance_blames_nobody(clock: Clock) -> None:
    """A deadline that leaves a call hardly any time (1 s of 15 s) is no failure, so that clients with tiny timeouts
    cannot open the breaker for all."""
    ours = breaker(clock, attempt_timeout_s=15.0, deadline=lambda: clock.now)
    for _ in range(20):
        await timed_out(ours.call_async, clock)
    assert ours.closed
    assert ours.failure_count == 0


async def test_a_clients_disconnect_is_neither_success_nor_failure(
    plain: Callable[..., CircuitBreaker], clock: Clock
) -> None:
    """The package takes a disconnect for a success and forgets the failures; ours does not count it, and the fifth
    failure still opens it."""
    theirs = plain()
    await failing(theirs.decorate(broken), 4, ConnectionError)
    await disconnected(lambda call: theirs.decorate(call)())
    assert theirs.failure_count == 0

    ours = breaker(clock)
    await failing(lambda: ours.call_async(broken), 4, ConnectionError)
    for _ in range(20):
        await disconnected(ours.call_async)
    counts = ours.snapshot().counts
    assert (counts.calls, counts.failures, counts.unreachable_in_a_row) == (4, 4, 4)
    await failing(lambda: ours.call_async(broken), 1, ConnectionError)
    assert ours.opened


async def test_a_cancelled_probe_does_not_close_it(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """When the client of a probe disconnects, the package's breaker closes, and ours waits for the next probe."""
    theirs = plain()
    await failing(theirs.decorate(broken), 5, ConnectionError)
    clock.advance(6)
    await disconnected(lambda call: theirs.decorate(call)())
    assert theirs.state == circuitbreaker.STATE_CLOSED

    ours = half_open(breaker(clock), clock)
    await disconnected(ours.call_async)
    assert ours.state == circuitbreaker.STATE_HALF_OPEN
    assert await ours.call_async(fine) == "fine", "the lease came back at once"


async def test_a_leaked_probe_is_returned(clock: Clock) -> None:
    """When a probe never ends, the next call after its lease is a probe, and a late success of the lost probe is no
    vote."""
    ours = half_open(breaker(clock, probes=1), clock)
    leaked = ours.guard()
    leaked.__enter__()
    clock.advance(1.999)
    with pytest.raises(CircuitBreakerError) as refused:
        await ours.call_async(fine)
    assert refused.value.refusal == "probing"
    assert refused.value.retry_after_s == pytest.approx(0.001)
    clock.advance(0.001)
    with ours.guard():
        leaked.__exit__(None, None, None)
        assert ours.state == circuitbreaker.STATE_HALF_OPEN
    assert ours.closed
    shown = ours.snapshot()
    assert (shown.leaked_probes, shown.late_outcomes) == (1, 1)


class NotFound(Exception):
    """The error of a 404."""


def refusals_are_answers(error: Exception) -> Judgement:
    """Return the verdict of a client of an HTTP service on its reachability: a 404 is a success, any other error is
    not."""
    return Verdict.SUCCESS if isinstance(error, NotFound) else Verdict.UNREACHABLE


async def test_an_error_that_is_not_ours_does_not_close_it(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """One ignored error, such as a 404 or a programming error, closes the package's half-open breaker; ours asks
    `classify`."""

    async def not_found() -> None:
        raise NotFound

    theirs = plain(expected_exception=ConnectionError)
    await failing(theirs.decorate(broken), 5, ConnectionError)
    clock.advance(6)
    await failing(theirs.decorate(not_found), 1, NotFound)
    assert theirs.state == circuitbreaker.STATE_CLOSED

    neutral = half_open(breaker(clock, classify=lambda error: _only_connections(error)), clock)
    await failing(lambda: neutral.call_async(not_found), 10, NotFound)
    assert neutral.state == circuitbreaker.STATE_HALF_OPEN

    answered = half_open(breaker(clock, classify=refusals_are_answers), clock)
    await failing(lambda: answered.call_async(not_found), 2, NotFound)
    assert answered.state == circuitbreaker.STATE_HALF_OPEN, "a 404 is an answer, and three answers close"
    await failing(lambda: answered.call_async(not_found), 1, NotFound)
    assert answered.closed


def _only_connections(error: Exception) -> Judgement:
    return Verdict.UNREACHABLE if isinstance(error, ConnectionError) else Verdict.NEUTRAL


async def test_a_call_of_an_open_breaker_is_refused_however_it_is_made(
    plain: Callable[..., CircuitBreaker], clock: Clock
) -> None:
    """Only the package's decorator checks the state, and its `call_async` and `with` go through an open breaker; ours
    refuses every form of call."""
    theirs = plain()
    await failing(theirs.decorate(broken), 5, ConnectionError)
    assert await theirs.call_async(fine) == "fine"

    ours = opened(breaker(clock))
    with pytest.raises(CircuitBreakerError):
        await ours.call_async(fine)
    with pytest.raises(CircuitBreakerError), ours.guard():
        raise AssertionError


async def test_an_object_that_is_called_asynchronously_is_counted(
    plain: Callable[..., CircuitBreaker], clock: Clock
) -> None:
    """The package takes an object with an asynchronous `__call__` for synchronous and counts its coroutine as a
    success; ours counts the failures."""

    class Client:
        async def __call__(self) -> None:
            raise ConnectionError

    theirs = plain()
    await failing(theirs.decorate(Client()), 5, ConnectionError)
    assert theirs.closed

    ours: Breaker = breaker(clock)
    await failing(lambda: ours.call_async(Client()), 5, ConnectionError)
    assert ours.opened


def test_a_failure_kept_is_a_name(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """The package keeps the last error with its traceback, and so every local variable of the call; ours keeps the name
    of the error."""
    theirs = plain()
    with pytest.raises(ConnectionError), theirs:
        raise ConnectionError
    assert theirs.last_failure.__traceback__ is not None

    ours = breaker(clock)
    fail(ours, 1, ConnectionError)
    succeed(ours)
    assert ours.last_failure == "ConnectionError"
