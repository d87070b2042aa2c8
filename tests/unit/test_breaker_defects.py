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
    """The package's own class, on the test's clock."""
    monkeypatch.setattr(circuitbreaker, "monotonic", clock)

    def make(**more: Any) -> CircuitBreaker:
        return CircuitBreaker(**({"name": "plain", "failure_threshold": 5, "recovery_timeout": 5} | more))

    return make


async def fine() -> str:
    """A call that works."""
    return "fine"


async def broken() -> None:
    """A call that does not."""
    raise ConnectionError


async def failing(call: Callable[[], Awaitable[object]], times: int, error: type[BaseException]) -> None:
    """`call()` so many times, each of which ends with `error`."""
    for _ in range(times):
        with pytest.raises(error):
            await call()


async def let_through_of(two_hundred: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]) -> int:
    """How many of 200 concurrent calls arrive, when each waits until all have been tried."""
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
    """The package says one test execution and lets everyone through."""
    theirs = plain()
    guarded = theirs.decorate(broken)
    await failing(guarded, 5, ConnectionError)
    clock.advance(6)
    assert theirs.state == circuitbreaker.STATE_HALF_OPEN
    assert await let_through_of(lambda call: theirs.decorate(call)()) == 200

    ours = half_open(breaker(clock), clock)
    assert await let_through_of(ours.call_async) == 1


async def test_steady_80_percent_failures_open_it(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """Where somebody wants that, for a dependency whose failing calls do harm: the package's count begins anew at one
    success in five, a window sees them all."""

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
    """A call from before the opening ends well: the package closes, we stay open."""

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
    """A call that our own deadline, outside the breaker, gives up."""

    async def hung() -> None:
        clock.advance(1.0)
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):  # expires at the first wait, when the test's clock has moved
            await guard(hung)


async def disconnected(guard: Callable[[Callable[[], Awaitable[object]]], Awaitable[object]]) -> None:
    """A call whose client goes away at once."""
    task = asyncio.create_task(guard(asyncio.Event().wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_our_own_deadline_counts(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """20 deadlines outside the breaker leave the package's closed; ours opens at the fifth."""
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
    """Inside the breaker the deadline is a TimeoutError."""
    ours = breaker(clock)

    async def gives_up() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    await failing(lambda: ours.call_async(gives_up), 5, TimeoutError)
    assert ours.opened


async def test_the_requests_deadline_counts(clock: Clock) -> None:
    """Shorter than the attempt's timeout, and known only to the caller."""
    ours = breaker(clock, attempt_timeout_s=5.0, deadline=lambda: clock.now)
    for _ in range(5):
        await timed_out(ours.call_async, clock)
    assert ours.opened


async def test_a_deadline_without_a_chance_blames_nobody(clock: Clock) -> None:
    """Clients with tiny timeouts must not be able to open a breaker for everybody."""
    ours = breaker(clock, attempt_timeout_s=15.0, deadline=lambda: clock.now)
    for _ in range(20):
        await timed_out(ours.call_async, clock)
    assert ours.closed
    assert ours.failure_count == 0


async def test_a_clients_disconnect_is_neither_success_nor_failure(
    plain: Callable[..., CircuitBreaker], clock: Clock
) -> None:
    """The package takes it for a success and forgets the failures; here the fifth failure still opens."""
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
    """The client of the probe goes away: the package closes, ours waits for the next probe."""
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
    """Its end never comes; after its lease the next call is a probe, and the lost one's late success is no vote."""
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
    """A 404."""


def refusals_are_answers(error: Exception) -> Judgement:
    """As a client of an HTTP service would say it, for its unreachability."""
    return Verdict.SUCCESS if isinstance(error, NotFound) else Verdict.UNREACHABLE


async def test_an_error_that_is_not_ours_does_not_close_it(plain: Callable[..., CircuitBreaker], clock: Clock) -> None:
    """One ignored 404 closes the package's half-open breaker, and one programming error does; ours asks `classify`."""

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
    """Only the package's decorator looks at the state; its `call_async` and `with` go through."""
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
    """The package takes it for synchronous and counts its coroutine as a success."""

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
    """The package's keeps the error with its traceback, and so every local of the call."""
    theirs = plain()
    with pytest.raises(ConnectionError), theirs:
        raise ConnectionError
    assert theirs.last_failure.__traceback__ is not None

    ours = breaker(clock)
    fail(ours, 1, ConnectionError)
    succeed(ours)
    assert ours.last_failure == "ConnectionError"
