"""Gate: the state machine together with its lock, clock, report and listeners.

Every decision and every outcome is one step under one lock, so the machine processes the calls of any number of threads
and event loops one by one. The lock is never held while the caller's code runs. Listeners are called outside it, in
order within a thread; between threads, the generations of transitions give the order.
"""

import threading
from collections.abc import Callable
from math import isfinite

from holdfast.shared.resilience.breaker.judge import Judge
from holdfast.shared.resilience.breaker.machine import UNCOUNTED, Machine
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import Refused
from holdfast.shared.resilience.breaker.report import Report
from holdfast.shared.resilience.breaker.snapshot import Override, Snapshot, Transition
from holdfast.shared.resilience.breaker.verdict import Verdict
from holdfast.shared.runtime.time_budgets import OVERRIDE_MAX_S


class Gate:
    """A thread-safe state machine. `clock` is monotonic, in seconds."""

    def __init__(self, machine: Machine, clock: Callable[[], float], judge: Judge, report: Report) -> None:
        self.machine = machine
        self.clock = clock
        self.listeners: list[Callable[[Transition], None]] = []
        self.last_failure: str | None = None
        self._judge = judge
        self._report = report
        self._successes = report.successes
        self._lock = threading.RLock()  # reentrant: a finaliser may end a call while this thread holds it

    def admit(self) -> int | Refused:
        """Return a token to be passed to `succeeded` or `failed`, or the reason for the refusal."""
        token = self.machine.door
        if token is not None:  # a single read, so no other thread can intervene
            return token
        with self._lock:
            answer = self.machine.admit(self.clock())
        self._report_transitions()
        if isinstance(answer, int):
            return answer
        if answer.enforced:
            self._report.refused(answer)
            return answer
        self._report.would_refuse(answer.refusal)
        return UNCOUNTED

    def admit_prober(self) -> int | Refused:
        """Return a token for the prober, or the reason for the refusal, which does not count as a refused call."""
        with self._lock:
            answer = self.machine.door or self.machine.admit(self.clock(), prober=True)
        self._report_transitions()
        return answer

    def succeeded(self, token: int, began: float) -> None:
        """Record the success of a call that began at `began`."""
        now = self.clock()
        took_s = now - began
        machine = self.machine
        with self._lock:
            machine.succeeded(token, took_s, now)
            self._successes.add(took_s)
        if machine.history.unreported:
            self._report_transitions()

    def failed(self, token: int, began: float, error: BaseException) -> None:
        """Record that a call that began at `began` ended with `error`."""
        now = self.clock()
        judgement = self._judge.judge(error, now - began, now, self.machine.policy)
        self._report.ended(judgement, error, now - began)
        if judgement in (Verdict.FAILURE, Verdict.UNREACHABLE):
            self.last_failure = type(error).__name__
        with self._lock:
            self.machine.ended(token, judgement, now - began, now)
        self._report_transitions()

    def impose(self, override: Override, for_s: float, actor: str, reason: str) -> None:
        """Impose an override for `for_s` seconds, at most a day. Raises ValueError for any other duration, or without
        an actor and a reason."""
        if not isfinite(for_s) or not 0 < for_s <= OVERRIDE_MAX_S:
            raise ValueError(f"for_s must be above 0 and at most {OVERRIDE_MAX_S:.0f}, not {for_s}")
        _require_reason(actor, reason)
        with self._lock:
            self.machine.impose(override, for_s, actor, reason, self.clock())
        self._report_transitions()

    def lift(self, actor: str, reason: str) -> None:
        """End the override. Raises ValueError without an actor and a reason."""
        _require_reason(actor, reason)
        with self._lock:
            self.machine.apply_timers(self.clock())
            self.machine.lift(self.clock(), actor, reason)
        self._report_transitions()

    def reset(self, actor: str, reason: str) -> None:
        """Close the breaker and clear its counts. Raises ValueError without an actor and a reason."""
        _require_reason(actor, reason)
        with self._lock:
            self.machine.reset(self.clock(), actor, reason)
        self._report_transitions()

    def adopt(self, policy: Policy) -> None:
        """Use another policy from now on."""
        with self._lock:
            self.machine.adopt(policy, self.clock())

    def snapshot(self, name: str) -> Snapshot:
        """Return the current snapshot."""
        with self._lock:
            snapshot = self.machine.snapshot(name, self.clock())
        self._report_transitions()
        return snapshot

    def open_remaining_s(self) -> float:
        """Return the seconds until a probe may pass; 0 when not open."""
        with self._lock:
            return self.machine.open_remaining_s(self.clock())

    def _report_transitions(self) -> None:
        if not self.machine.history.unreported:
            return
        with self._lock:
            transitions = self.machine.history.take_unreported()
        for transition in transitions:
            self._report.moved(transition)
            for listener in self.listeners:
                try:
                    listener(transition)
                except Exception as bug:  # noqa: BLE001 - a listener's bug must not change the outcome of a call
                    self._report.callback_failed("listener", bug)


def _require_reason(actor: str, reason: str) -> None:
    if not actor.strip() or not reason.strip():
        raise ValueError("an override needs an actor and a reason")
