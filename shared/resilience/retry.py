"""Retry: the one module that imports tenacity. Always full jitter, always an end or a reason to have none."""

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

from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import Again, Attempts, Hope, Suppressed
from holdfast.shared.resilience.trying import Trying
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import decided, note
from holdfast.shared.telemetry.logs import Action

T = TypeVar("T")

#: Event loops round their timers, and "not before" is meant.
_TIMER_SLACK_S = 0.01


async def again_on(
    error: type[BaseException] | tuple[type[BaseException], ...],
    call: Callable[[], Awaitable[T]],
    *,
    base_s: float,
    cap_s: float,
    attempts: int,
    before_sleep: Callable[[RetryCallState], None] | None = None,
) -> T:
    """`call()` until it raises something else than `error`, or `attempts` are used up.

    Waits uniform(0, min(cap_s, base_s * 2**n)) seconds before try n + 1, and raises the last error itself.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(error),
        wait=wait_random_exponential(multiplier=base_s, max=cap_s),
        stop=stop_after_attempt(attempts),
        before_sleep=before_sleep,
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits only what it can see to be a coroutine function
        return await call()

    return await retrying(attempt)


async def until_it_works(
    trying: Trying, error: tuple[type[BaseException], ...], call: Callable[[], Awaitable[T]], *, base_s: float,
    cap_s: float,
) -> T:  # fmt: skip
    """`call()`, again and again, until it raises something else than `error`. Waits like `again_on`; `trying` reports
    why."""

    async def attempt() -> T:
        with trying:
            return await call()

    wait = wait_random_exponential(multiplier=base_s, max=cap_s)
    return await AsyncRetrying(retry=retry_if_exception_type(error), wait=wait, stop=stop_never, reraise=True)(attempt)


class Retrier:
    """The one retrying layer of a hop, with the dependency's budget. `attempts` may be replaced at any time."""

    def __init__(self, dependency: str, budget: RetryBudget, attempts: Attempts) -> None:
        self.attempts = attempts
        self._dependency = dependency
        self._budget = budget
        self._first = metrics.attempts.labels(dependency, "first")
        self._again = metrics.attempts.labels(dependency, "again")
        self._suppressed = {each: metrics.retries_suppressed.labels(dependency, each.value) for each in Suppressed}

    async def run(
        self,
        call: Callable[[int], Awaitable[T]],
        hope: Callable[[Exception], Hope],
        remaining_s: Callable[[], float],
    ) -> T:
        """`call(number)`, from 1, until it answers, `hope` for its error ends, or the attempts, the time or the budget
        do. Raises the last error itself."""
        rules = self.attempts
        self._budget.earn()
        again = Again()

        def retry(state: RetryCallState) -> bool:
            nonlocal again
            error = state.outcome.exception() if state.outcome else None
            told = hope(error) if isinstance(error, Exception) else None
            if isinstance(told, Suppressed):
                self._suppress(told, state, rules, remaining_s())
                return False
            again = told or again
            return told is not None

        def wait(state: RetryCallState) -> float:
            jittered: float = wait_random_exponential(multiplier=rules.base_s, max=rules.cap_s)(state)
            if again.not_before_s is None:
                return jittered
            return again.not_before_s + _TIMER_SLACK_S + jittered  # everybody was told the same moment

        def stop(state: RetryCallState) -> bool:
            if state.attempt_number >= rules.most:
                return True
            if state.upcoming_sleep + rules.least_s > remaining_s():
                self._suppress(Suppressed.DEADLINE, state, rules, remaining_s())
                return True
            if not self._budget.spend():
                self._suppress(Suppressed.BUDGET, state, rules, remaining_s())
                return True
            note(
                Action.CALLED_AGAIN,
                dependency=self._dependency, attempt=state.attempt_number + 1, most=rules.most,
                budget=round(self._budget.left, 2), pause_ms=_ms(state.upcoming_sleep),
            )  # fmt: skip
            return False

        number = 0

        async def attempt() -> T:
            nonlocal number
            number += 1
            (self._first if number == 1 else self._again).inc()
            return await call(number)

        return await AsyncRetrying(retry=retry, wait=wait, stop=stop, reraise=True)(attempt)

    def _suppress(self, why: Suppressed, state: RetryCallState, rules: Attempts, left_s: float) -> None:
        self._suppressed[why].inc()
        decided(
            Action.RETRY_SUPPRESSED,
            dependency=self._dependency, why=why.value, attempt=state.attempt_number, most=rules.most,
            budget=round(self._budget.left, 2), left_ms=_ms(left_s), pause_ms=_ms(state.upcoming_sleep),
        )  # fmt: skip


def _ms(seconds: float) -> float | None:
    return round(seconds * 1000, 1) if isfinite(seconds) else None


class OneMore:
    """A second try at once, where a connection had died unnoticed; paid for like any other. For hot paths: what goes
    well costs an addition."""

    def __init__(self, dependency: str, budget: RetryBudget) -> None:
        self._budget = budget
        self._first = metrics.attempts.labels(dependency, "first")
        self._again = metrics.attempts.labels(dependency, "again")
        self._suppressed = metrics.retries_suppressed.labels(dependency, Suppressed.BUDGET.value)

    def begun(self) -> None:
        """A first try is made."""
        self._budget.earn()
        self._first.inc()

    def may(self) -> bool:
        """It failed; whether a second is to be made."""
        if not self._budget.spend():
            self._suppressed.inc()
            return False
        self._again.inc()
        return True
