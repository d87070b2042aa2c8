"""Gate: the machine with its lock, its clock and those who are told.

What holds: every decision and every outcome is one step under one lock, so the machine sees the calls of any number of
threads and event loops as if one by one. The lock is never held while the caller's code runs. Listeners are told
outside it, in order within a thread; between threads, each transition's generation tells the order.
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
    """`clock` is monotonic, in seconds. `tell` gets each transition, once."""

    def __init__(self, machine: Machine, clock: Callable[[], float], judge: Judge, report: Report) -> None:
        self.machine = machine
        self.clock = clock
        self.listeners: list[Callable[[Transition], None]] = []
        self.last_failure: str | None = None
        self._judge = judge
        self._report = report
        self._successes = report.successes
        self._lock = threading.RLock()  # reentrant: a finaliser may end a call while this thread is inside

    def admit(self) -> int | Refused:
        """A token for `ended`, or why not."""
        token = self.machine.door
        if token is not None:  # one look at one attribute: another thread cannot come between
            return token
        with self._lock:
            answer = self.machine.admit(self.clock())
        self._tell()
        if isinstance(answer, int):
            return answer
        if answer.enforced:
            self._report.refused(answer)
            return answer
        self._report.would_refuse(answer.refusal)
        return UNCOUNTED

    def succeeded(self, token: int, began: float) -> None:
        """A call that began at `began` ended well."""
        now = self.clock()
        took_s = now - began
        machine = self.machine
        with self._lock:
            machine.succeeded(token, took_s, now)
            self._successes.add(took_s)
        if machine.history.untold:
            self._tell()

    def failed(self, token: int, began: float, error: BaseException) -> None:
        """A call that began at `began` ended with `error`."""
        now = self.clock()
        judgement = self._judge.judge(error, now - began, now, self.machine.policy)
        self._report.ended(judgement, error, now - began)
        if judgement in (Verdict.FAILURE, Verdict.UNREACHABLE):
            self.last_failure = type(error).__name__
        with self._lock:
            self.machine.ended(token, judgement, now - began, now)
        self._tell()

    def impose(self, override: Override, for_s: float, actor: str, reason: str) -> None:
        """Put an override in place for `for_s` seconds, a day at most."""
        if not isfinite(for_s) or not 0 < for_s <= OVERRIDE_MAX_S:
            raise ValueError(f"for_s must be above 0 and at most {OVERRIDE_MAX_S:.0f}, not {for_s}")
        _answerable(actor, reason)
        with self._lock:
            self.machine.impose(override, for_s, actor, reason, self.clock())
        self._tell()

    def lift(self, actor: str, reason: str) -> None:
        """End the override."""
        _answerable(actor, reason)
        with self._lock:
            self.machine.settle(self.clock())
            self.machine.lift(self.clock(), actor, reason)
        self._tell()

    def reset(self, actor: str, reason: str) -> None:
        """As new."""
        _answerable(actor, reason)
        with self._lock:
            self.machine.reset(self.clock(), actor, reason)
        self._tell()

    def adopt(self, policy: Policy) -> None:
        """Go by other numbers."""
        with self._lock:
            self.machine.adopt(policy, self.clock())

    def snapshot(self, name: str) -> Snapshot:
        """Everything, now."""
        with self._lock:
            snapshot = self.machine.snapshot(name, self.clock())
        self._tell()
        return snapshot

    def open_remaining_s(self) -> float:
        """Seconds until a probe may pass; 0 when not open."""
        with self._lock:
            return self.machine.open_remaining_s(self.clock())

    def _tell(self) -> None:
        if not self.machine.history.untold:
            return
        with self._lock:
            transitions = self.machine.history.tell()
        for transition in transitions:
            self._report.moved(transition)
            for listener in self.listeners:
                try:
                    listener(transition)
                except Exception as bug:  # noqa: BLE001 - whatever it was, the call must end as it did
                    self._report.callback_failed("listener", bug)


def _answerable(actor: str, reason: str) -> None:
    if not actor.strip() or not reason.strip():
        raise ValueError("say who and why")
