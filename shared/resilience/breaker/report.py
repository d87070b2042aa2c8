"""Report: records a breaker's calls and transitions as metrics and log lines."""

from asyncio import CancelledError
from datetime import datetime
from typing import Any

from holdfast.shared.resilience.breaker.refusal import Refusal, Refused
from holdfast.shared.resilience.breaker.snapshot import State, Transition, Why
from holdfast.shared.resilience.breaker.verdict import Judgement, Throttled, Verdict
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.decisions import decided, note
from holdfast.shared.telemetry.logs import Action


class Report:
    """The metrics and log lines of one breaker."""

    def __init__(self, name: str) -> None:
        self._name = name
        #: Durations of successful calls. Added to only while the gate's lock is held.
        self.successes = metrics.dependency_call_duration.tally(name, "success")
        self._calls = {
            result: metrics.dependency_call_duration.labels(name, result) for result in ("success", "error", "timeout")
        }
        self._recovery = metrics.breaker_recovery.labels(name)
        self._opened_at: datetime | None = None
        self._refused = {each: metrics.breaker_refused.labels(name, each.value) for each in Refusal}
        self._would_refuse = {each: metrics.breaker_would_refuse.labels(name, each.value) for each in Refusal}
        self._ended = {
            kind: metrics.breaker_unsuccessful_calls.labels(name, kind)
            for kind in ("throttled", *(each.value for each in Verdict if each is not Verdict.SUCCESS))
        }
        self._state = {each: metrics.breaker_state.labels(name, each.value) for each in State}
        self._moved = {each: metrics.breaker_transitions.labels(name, each.value) for each in State}
        self._opened: Transition | None = None
        self._show(State.CLOSED)

    def refused(self, refused: Refused) -> None:
        """Record a refused call."""
        self._refused[refused.refusal].inc()
        opened = self._opened
        decided(
            Action.CALL_REFUSED,
            breaker=self._name,
            refusal=refused.refusal.value,
            retry_after_s=round(refused.retry_after_s, 3),
            open_for_s=round((utc_now() - opened.at).total_seconds(), 1) if opened else None,
            **(_reason(opened) if opened else _NO_REASON),
        )

    def would_refuse(self, refusal: Refusal) -> None:
        """Record a call that passed only because the breaker is observing."""
        self._would_refuse[refusal].inc()

    def ended(self, judgement: Judgement, error: BaseException, took_s: float) -> None:
        """Record a call that ended with an error."""
        judged = "throttled" if isinstance(judgement, Throttled) else judgement.value
        note(
            Action.CALL_FAILED,
            breaker=self._name,
            judged=judged,
            error=type(error).__name__,
            took_ms=round(took_s * 1000, 1),
        )
        if judgement is not Verdict.SUCCESS:
            self._ended[judged].inc()
        self._time_call(judgement, error, took_s)

    def moved(self, transition: Transition) -> None:
        """Record a change of state, or the beginning or end of an override."""
        if transition.to is State.OPEN:
            self._opened = transition
        if transition.origin is not transition.to:
            self._moved[transition.to].inc()
            self._show(transition.to)
            self._time_recovery(transition)
        fields = {
            "breaker": self._name,
            "origin": transition.origin.value,
            "to": transition.to.value,
            "generation": transition.generation,
            **_reason(transition),
        }
        if transition.actor is not None:
            logs.warning(Action.BREAKER_OVERRIDDEN, **fields, actor=transition.actor, reason=transition.reason)
        elif transition.to is State.OPEN:
            logs.warning(Action.BREAKER_MOVED, **fields)
        else:
            logs.info(Action.BREAKER_MOVED, **fields)

    def callback_failed(self, what: str, error: Exception) -> None:
        """Log the error of a listener or a classifier. It must not change the outcome of a call."""
        logs.error(Action.BREAKER_CALLBACK_FAILED, exc=error, breaker=self._name, callback=what)

    def _time_call(self, judgement: Judgement, error: BaseException, took_s: float) -> None:
        """Count the duration, unless the error says nothing about the dependency. A refusal by the dependency counts as
        an answer."""
        if judgement is not Verdict.NEUTRAL:
            answered = judgement is Verdict.SUCCESS
            self._calls["success" if answered else "timeout" if _is_timeout(error) else "error"].observe(took_s)

    def _time_recovery(self, transition: Transition) -> None:
        """Measure the time from the first opening to the closing. What an operator opened or closed is not counted."""
        match transition.to:
            case State.OPEN if self._opened_at is None and transition.why is not Why.FORCED_OPEN:
                self._opened_at = transition.at
            case State.CLOSED:
                if self._opened_at is not None and transition.why is Why.PROBES_SUCCEEDED:
                    self._recovery.observe((transition.at - self._opened_at).total_seconds())
                self._opened_at = None
            case _:
                pass

    def _show(self, state: State) -> None:
        for each, gauge in self._state.items():
            gauge.set(each is state)


_NO_REASON = dict.fromkeys(("why", "calls", "failures", "slow", "unreachable_in_a_row", "failures_in_a_row"))


def _reason(transition: Transition) -> dict[str, Any]:
    counts = transition.counts  # `asdict` would take as long as the rest of a refusal
    return {
        "why": transition.why.value,
        "calls": counts.calls,
        "failures": counts.failures,
        "slow": counts.slow,
        "unreachable_in_a_row": counts.unreachable_in_a_row,
        "failures_in_a_row": counts.failures_in_a_row,
    }


#: The number of levels of wrapped errors that are searched.
_WRAPPED_MAX = 6


def _is_timeout(error: BaseException) -> bool:
    """Return whether the error is a timeout or was caused by one. Drivers have classes of their own, so the name counts
    too."""
    seen: BaseException | None = error
    for _ in range(_WRAPPED_MAX):
        if seen is None:
            return False
        if isinstance(seen, TimeoutError | CancelledError) or "Timeout" in type(seen).__name__:
            return True
        seen = seen.__cause__ or seen.__context__
    return False
