"""Retry: repeats failed calls, with full jitter in every pause. The only module that imports tenacity."""

from collections.abc import Awaitable, Callable
from math import isfinite
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_never,
    wait_random_exponential,
)

from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import RetryAllowed, RetryDecision, RetryLimits, Suppressed
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import decided, note
from holdfast.shared.telemetry.logs import Action

T = TypeVar("T")

#: Event loops round their timers, and a retry must not be early.
_TIMER_SLACK_S = 0.01


async def retry_on(
    error: type[BaseException] | tuple[type[BaseException], ...],
    call: Callable[[], Awaitable[T]],
    *,
    base_s: float,
    cap_s: float,
    attempts: int,
    before_sleep: Callable[[RetryCallState], None] | None = None,
) -> T:
    """Return the result of `call()`. Retry while it raises `error`, up to `attempts` attempts.

    Waits uniform(0, min(cap_s, base_s * 2**n)) seconds before attempt n + 1, and raises the last error itself.
    """
    return await _retried(
        call,
        error,
        lambda: AsyncRetrying(
            retry=retry_if_exception_type(error),
            wait=wait_random_exponential(multiplier=base_s, max=cap_s),
            stop=stop_after_attempt(attempts),
            before_sleep=before_sleep,
            reraise=True,
        ),
    )


async def retry_forever(
    reporter: FailureReporter,
    error: tuple[type[BaseException], ...],
    call: Callable[[], Awaitable[T]],
    *,
    base_s: float,
    cap_s: float,
) -> T:
    """Return the result of `call()`. Retry without limit while it raises `error`.

    Waits like `retry_on`. `reporter` reports each attempt.
    """

    async def attempt() -> T:
        with reporter:
            return await call()

    wait = wait_random_exponential(multiplier=base_s, max=cap_s)
    return await _retried(
        attempt,
        error,
        lambda: AsyncRetrying(retry=retry_if_exception_type(error), wait=wait, stop=stop_never, reraise=True),
    )


async def _retried(
    call: Callable[[], Awaitable[T]],
    error: type[BaseException] | tuple[type[BaseException], ...],
    retrying: Callable[[], AsyncRetrying],
) -> T:
    """Make the first attempt without tenacity, whose overhead exceeds the cost of many calls. Only a failed attempt is
    handed over to tenacity."""
    try:
        return await call()
    except error as failed:
        first = [failed]

    async def attempt() -> T:
        if first:
            raise first.pop()
        return await call()

    return await retrying()(attempt)


class Retrier:
    """The only retrying layer of a hop, with the retry budget of its dependency. `limits` may be replaced at any time.

    retrier = Retrier("third_party", RetryBudget(), RetryLimits(most=3, base_s=0.1, cap_s=2))
    answer = await retrier.run(lambda number: call(attempt=number), decide, deadline.remaining_s)
    """

    def __init__(self, dependency: str, budget: RetryBudget, limits: RetryLimits) -> None:
        self.limits = limits
        self._dependency = dependency
        self._budget = budget
        self._first = metrics.attempts.labels(dependency, "first")
        self._again = metrics.attempts.labels(dependency, "again")
        self._suppressed = {each: metrics.retries_suppressed.labels(dependency, each.value) for each in Suppressed}

    async def run(
        self,
        call: Callable[[int], Awaitable[T]],
        decide: Callable[[Exception], RetryDecision],
        remaining_s: Callable[[], float],
    ) -> T:
        """Return the result of `call(number)`; `number` counts attempts from 1.

        Stops retrying when `decide` forbids another attempt, or when the attempts, the time or the budget are used up.
        Raises the last error itself.
        """
        limits = self.limits
        self._budget.earn()
        allowed = RetryAllowed()

        def retry(state: RetryCallState) -> bool:
            nonlocal allowed
            error = state.outcome.exception() if state.outcome else None
            decision = decide(error) if isinstance(error, Exception) else None
            if isinstance(decision, Suppressed):
                self._suppress(decision, state, limits, remaining_s())
                return False
            allowed = decision or allowed
            return decision is not None

        def wait(state: RetryCallState) -> float:
            jittered: float = wait_random_exponential(multiplier=limits.base_s, max=limits.cap_s)(state)
            if allowed.not_before_s is None:
                return jittered
            return allowed.not_before_s + _TIMER_SLACK_S + jittered  # every caller was given the same moment

        def stop(state: RetryCallState) -> bool:
            if state.attempt_number >= limits.most:
                return True
            if state.upcoming_sleep + limits.least_s > remaining_s():
                self._suppress(Suppressed.DEADLINE, state, limits, remaining_s())
                return True
            if not self._budget.spend():
                self._suppress(Suppressed.BUDGET, state, limits, remaining_s())
                return True
            note(
                Action.RETRIED,
                dependency=self._dependency,
                attempt=state.attempt_number + 1,
                most=limits.most,
                budget=round(self._budget.left, 2),
                pause_ms=_ms(state.upcoming_sleep),
            )
            return False

        number = 0

        async def attempt() -> T:
            nonlocal number
            number += 1
            (self._first if number == 1 else self._again).inc()
            return await call(number)

        retrying = AsyncRetrying(retry=retry, wait=wait, stop=stop, reraise=True)
        try:
            return await retrying(attempt)
        finally:
            retrying.iter_state.reset()  # tenacity would keep the last attempt, and with it the call, alive

    def _suppress(self, why: Suppressed, state: RetryCallState, limits: RetryLimits, left_s: float) -> None:
        self._suppressed[why].inc()
        decided(
            Action.RETRY_SUPPRESSED,
            dependency=self._dependency,
            why=why.value,
            attempt=state.attempt_number,
            most=limits.most,
            budget=round(self._budget.left, 2),
            left_ms=_ms(left_s),
            pause_ms=_ms(state.upcoming_sleep),
        )


def _ms(seconds: float) -> float | None:
    return round(seconds * 1000, 1) if isfinite(seconds) else None


class SecondAttempt:
    """Allows one retry without a pause, for a connection that had died unnoticed, paid from the retry budget. For hot
    paths: a call that succeeds costs one addition.

        self._second_attempt.started()
        try: ...
        except ConnectionError:
            if not self._second_attempt.allowed(): raise
    """

    def __init__(self, dependency: str, budget: RetryBudget) -> None:
        self._budget = budget
        self._first = metrics.attempts.labels(dependency, "first")
        self._again = metrics.attempts.labels(dependency, "again")
        self._suppressed = metrics.retries_suppressed.labels(dependency, Suppressed.BUDGET.value)

    def started(self) -> None:
        """Count a first attempt, before it is made."""
        self._budget.earn()
        self._first.inc()

    def allowed(self) -> bool:
        """Return whether the attempt that failed may be repeated, and count the retry."""
        if not self._budget.spend():
            self._suppressed.inc()
            return False
        self._again.inc()
        return True
