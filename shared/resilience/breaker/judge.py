"""Judge: what the error that ended a call says about the dependency. An expired deadline is not a disconnect."""

import asyncio
from collections.abc import Callable

from circuitbreaker import CircuitBreakerError

from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.report import Report
from holdfast.shared.resilience.breaker.verdict import Classify, Judgement, Verdict

#: Returns the moment at which our own time for the running call ends, on the breaker's clock; None without a limit.
Deadline = Callable[[], float | None]

#: Event loops round their timers, uvloop to milliseconds, so a deadline may fire this much before its time.
_TIMER_SLACK_S = 0.005


class Judge:
    """Judges errors by what they say about the dependency. `classify` decides, except for cancellations, refusals of
    another breaker, and calls that had too little time."""

    def __init__(self, classify: Classify, deadline: Deadline, report: Report) -> None:
        self._classify = classify
        self._deadline = deadline
        self._report = report

    def judge(self, error: BaseException, took_s: float, now: float, policy: Policy) -> Judgement:
        """Return what `error` says about the dependency after `took_s` seconds. Never raises."""
        if isinstance(error, asyncio.CancelledError | TimeoutError):
            ours = took_s + _TIMER_SLACK_S >= policy.attempt_timeout_s or self._deadline_passed(now)
            if ours and took_s < policy.fair_s:
                return Verdict.NEUTRAL  # the call had too little time to say anything about the dependency
            if isinstance(error, asyncio.CancelledError):
                return Verdict.UNREACHABLE if ours else Verdict.NEUTRAL
        if isinstance(error, CircuitBreakerError) or not isinstance(error, Exception):
            return Verdict.NEUTRAL  # a nested breaker refused, or the program ends
        return self._classified(error)

    def _classified(self, error: Exception) -> Judgement:
        try:
            return self._classify(error)
        except Exception as bug:  # noqa: BLE001 - whatever the bug is, the call must end as it did
            self._report.callback_failed("classify", bug)
            return Verdict.FAILURE

    def _deadline_passed(self, now: float) -> bool:
        try:
            deadline = self._deadline()
        except Exception as bug:  # noqa: BLE001 - the same reason as in `_classified`
            self._report.callback_failed("deadline", bug)
            return False
        return deadline is not None and now + _TIMER_SLACK_S >= deadline
