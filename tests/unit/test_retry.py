"""The retrying layer and its budget: how many attempts, with which delays, and why not more."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from holdfast.shared.resilience.retry import Retrier
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import RetryAllowed, RetryDecision, RetryLimits, Suppressed

_QUICK = RetryLimits(most=3, base_s=0.001, cap_s=0.002)


class _Broken(Exception):
    pass


class _Calls:
    """A call that fails `times` times and then returns the attempt's number."""

    def __init__(self, times: float) -> None:
        self.made = 0
        self._times = times

    async def __call__(self, number: int) -> int:
        self.made += 1
        assert number == self.made
        if self.made <= self._times:
            raise _Broken
        return number


def suppressed(dependency: str, reason: Suppressed) -> float:
    """Return the number of suppressed retries, as Prometheus would read it."""
    labels = {"dependency": dependency, "reason": reason.value}
    return REGISTRY.get_sample_value("holdfast_retries_suppressed_total", labels) or 0.0


def again(_: Exception) -> RetryDecision:
    """Allow another attempt after any error."""
    return RetryAllowed()


async def test_the_third_attempt_answers() -> None:
    """A call that succeeds with the third of three allowed attempts pays for two retries from its budget."""
    budget = RetryBudget()
    calls = _Calls(2)
    assert await Retrier("unit-third", budget, _QUICK).run(calls, again, lambda: inf) == 3
    assert budget.left == pytest.approx(1.1)


async def test_attempts_end() -> None:
    """After the last allowed attempt the last error itself is raised, and no retry is counted as suppressed."""
    calls = _Calls(inf)
    with pytest.raises(_Broken):
        await Retrier("unit-end", RetryBudget(), _QUICK).run(calls, again, lambda: inf)
    assert calls.made == 3
    assert not any(suppressed("unit-end", reason) for reason in Suppressed)


async def test_a_hopeless_error_ends_it() -> None:
    """An error that a retry cannot help is raised after one attempt, and no retry is counted as suppressed."""
    calls = _Calls(inf)
    with pytest.raises(_Broken):
        await Retrier("unit-hopeless", RetryBudget(), _QUICK).run(calls, lambda _: None, lambda: inf)
    assert calls.made == 1
    assert not any(suppressed("unit-hopeless", reason) for reason in Suppressed)


@pytest.mark.parametrize("reason", [Suppressed.UNSAFE, Suppressed.OPEN])
async def test_what_the_error_forbids_is_counted(reason: Suppressed) -> None:
    """A retry that the error forbids is counted as suppressed, after one attempt, and takes no token from the
    budget."""
    budget, calls = RetryBudget(), _Calls(inf)
    before = suppressed("unit-forbidden", reason)
    with pytest.raises(_Broken):
        await Retrier("unit-forbidden", budget, _QUICK).run(calls, lambda _: reason, lambda: inf)
    assert (calls.made, suppressed("unit-forbidden", reason)) == (1, before + 1)
    assert budget.left == pytest.approx(3.1)


async def test_an_empty_budget_is_counted() -> None:
    """With an empty budget the first attempt is still made, and the retry is counted as suppressed."""
    budget, calls = RetryBudget(earned=0, floor=0), _Calls(inf)
    with pytest.raises(_Broken):
        await Retrier("unit-budget", budget, _QUICK).run(calls, again, lambda: inf)
    assert (calls.made, suppressed("unit-budget", Suppressed.BUDGET)) == (1, 1)


@pytest.mark.parametrize(("left_s", "retry_after_s", "made"), [(0.05, None, 1), (10, 9.95, 1), (10, 0.001, 3)])
async def test_an_attempt_needs_time(left_s: float, retry_after_s: float | None, made: int) -> None:
    """A retry needs time for the requested pause and a tenth of a second more; without it the call ends at once and
    takes no token."""
    budget, calls = RetryBudget(), _Calls(inf)
    before = suppressed("unit-deadline", Suppressed.DEADLINE)
    with pytest.raises(_Broken):
        await Retrier("unit-deadline", budget, _QUICK).run(calls, lambda _: RetryAllowed(retry_after_s), lambda: left_s)
    assert calls.made == made
    assert suppressed("unit-deadline", Suppressed.DEADLINE) == before + (made == 1)
    assert budget.left == pytest.approx(3.1 - (made - 1))


@given(st.lists(st.booleans(), max_size=500), st.floats(0, 1), st.floats(0, 10))
def test_retries_never_exceed_their_share(asked: list[bool], earned: float, floor: float) -> None:
    """In any order of calls, the retries do not exceed the floor plus the earned share of the first attempts."""
    budget = RetryBudget(earned=earned, floor=floor)
    spent = firsts = 0
    for again_wanted in asked:
        if again_wanted:
            spent += budget.spend()
        else:
            budget.earn()
            firsts += 1
        assert 0 <= budget.left <= 10
    assert spent <= floor + earned * firsts + 1e-6
