"""Breaker: a circuit breaker with the interface of `circuitbreaker.CircuitBreaker` and a state machine of its own."""

import random as randoms
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from math import ceil
from typing import NoReturn, ParamSpec, TypeVar

from circuitbreaker import CircuitBreaker

from holdfast.shared.resilience.breaker.gate import Gate
from holdfast.shared.resilience.breaker.judge import Deadline, Judge
from holdfast.shared.resilience.breaker.machine import Machine
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import CallRefused, Refused
from holdfast.shared.resilience.breaker.report import Report
from holdfast.shared.resilience.breaker.snapshot import Override, Snapshot, State, Transition
from holdfast.shared.resilience.breaker.verdict import Classify, every_error_counts
from holdfast.shared.runtime.time_budgets import OVERRIDE_S
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.tracing import spans

P = ParamSpec("P")
T = TypeVar("T")

_TWO_FORMS = "use `await breaker.call_async(...)` or `with breaker.guard():`"


class Breaker(CircuitBreaker):  # type: ignore[misc]  # untyped in the library
    """A circuit breaker for one dependency. Safe for any number of threads and event loops.

        breaker = Breaker("database", Policy(attempt_timeout_s=1.5), classify=judge, deadline=deadline.end)
        rows = await breaker.call_async(fetch, id)          # raises CallRefused, or what `fetch` raises
        with breaker.guard():                               # the same around a block
            commit()

    `classify` judges what an error means for the dependency. `deadline` returns the moment, on `clock`, at which our
    own time for the running call ends, or None. A cancellation after that moment counts as the dependency's failure; a
    cancellation before it counts as a client's disconnect. `clock` is monotonic, in seconds; `wall` is the time of day;
    `random` returns a number from 0 to 1.
    """

    def __init__(
        self,
        name: str,
        policy: Policy | None = None,
        *,
        classify: Classify = every_error_counts,
        deadline: Deadline = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = utc_now,
        random: Callable[[], float] = randoms.random,
    ) -> None:
        report = Report(name)
        judge = Judge(classify, deadline, report)
        super().__init__(name=name)

        def stamp(moment: float) -> datetime:
            return wall() + timedelta(seconds=moment - clock())

        machine = Machine(policy or Policy(), now=clock(), random=random, stamp=stamp)
        self._gate = Gate(machine, clock, judge, report)
        #: The dependency's error text while it answers a prober's probes with refusals, else None. The prober sets it.
        self.refusal: str | None = None
        metrics.breaker_admitted_share.labels(name).set_function(lambda: machine.admitted_share)

    # --- calls ---

    async def call_async(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the result of `await func(...)` if the call may pass. Raises CallRefused, or what `func` raises."""
        gate = self._gate
        token = gate.machine.door or gate.admit()
        if isinstance(token, Refused):
            raise CallRefused(self, token)
        call: Callable[P, Awaitable[T]] = func if spans.collector is None else spans.around(str(self.name), func)
        began = gate.clock()
        try:
            result = await call(*args, **kwargs)
        except BaseException as error:
            gate.failed(token, began, error)
            raise
        gate.succeeded(token, began)
        return result

    async def probe(self, ask: Callable[[], Awaitable[object]]) -> None:
        """Run `await ask()` as a probe, which an open breaker lets through as well. Only for the prober (prober.py).
        Raises CallRefused, or what `ask` raises."""
        gate = self._gate
        token = gate.admit_prober()
        if isinstance(token, Refused):
            raise CallRefused(self, token)
        began = gate.clock()
        try:
            await ask()
        except BaseException as error:
            gate.failed(token, began, error)
            raise
        gate.succeeded(token, began)

    @contextmanager
    def guard(self) -> Generator[None]:
        """Guard a block of synchronous or asynchronous code: `with breaker.guard(): ...`. Raises CallRefused."""
        gate = self._gate
        token = gate.admit()
        if isinstance(token, Refused):
            raise CallRefused(self, token)
        began = gate.clock()
        try:
            yield
        except BaseException as error:
            gate.failed(token, began, error)
            raise
        gate.succeeded(token, began)

    def __enter__(self) -> NoReturn:
        """Raise TypeError: many calls enter one breaker at once, so it could not match an exit with its call."""
        raise TypeError(_TWO_FORMS)

    def decorate(self, _function: object) -> NoReturn:
        """Raise TypeError: the package's decorator does not count the calls that it refuses."""
        raise TypeError(_TWO_FORMS)

    # --- operators: each override ends by itself, and is recorded with actor and reason ---

    def force_open(self, *, actor: str, reason: str, for_s: float = OVERRIDE_S) -> None:
        """Refuse every call for `for_s` seconds; then probe."""
        self._gate.impose(Override.FORCE_OPEN, for_s, actor, reason)

    def force_closed(self, *, actor: str, reason: str, for_s: float = OVERRIDE_S) -> None:
        """Let every call through for `for_s` seconds. Calls are still counted, and afterwards the counts decide."""
        self._gate.impose(Override.FORCE_CLOSED, for_s, actor, reason)

    def observe_only(self, *, actor: str, reason: str, for_s: float = OVERRIDE_S) -> None:
        """Keep deciding and count the calls that would be refused, but let every call through for `for_s` seconds."""
        self._gate.impose(Override.OBSERVE_ONLY, for_s, actor, reason)

    def lift(self, *, actor: str, reason: str) -> None:
        """End the override now, with the same effect as its time limit."""
        self._gate.lift(actor, reason)

    def reset(self, *, actor: str, reason: str) -> None:
        """Close the breaker, clear the counts, and end any override."""
        self._gate.reset(actor, reason)

    def adopt(self, policy: Policy) -> None:
        """Use another policy from now on. The counts are kept unless the shape of the window changes."""
        self._gate.adopt(policy)

    # --- state ---

    def snapshot(self) -> Snapshot:
        """Return the current state. Expired timers are applied first, so reading the state also updates the metrics."""
        return self._gate.snapshot(str(self.name))

    @property
    def undisturbed(self) -> bool:
        """Whether every call passes: the breaker is closed, with no ramp and no throttling, or an override lets every
        call pass."""
        machine = self._gate.machine
        return machine.door is not None or (machine.imposed is not None and machine.admitted_share == 1)

    @property
    def state(self) -> State:
        """The state, equal to the package's `STATE_...` constant. Under OBSERVE_ONLY: the state that would be enforced
        otherwise."""
        return self.snapshot().state

    @property
    def refuses(self) -> bool:
        """Whether the breaker is open and its refusals are enforced."""
        now = self.snapshot()
        observed = now.imposed is not None and now.imposed.override is Override.OBSERVE_ONLY
        return now.state is State.OPEN and not observed

    @property
    def open_remaining(self) -> int:
        """The whole seconds until a probe may pass, rounded up; 0 when not open."""
        return ceil(self._gate.open_remaining_s())

    @property
    def failure_count(self) -> int:
        """The number of failures in the window. The inherited property would always be 0."""
        return self.snapshot().counts.failures

    @property
    def last_failure(self) -> str | None:
        """The class name of the last failure. The error itself would keep every local variable of its call alive."""
        return self._gate.last_failure

    def listen(self, listener: Callable[[str, Transition], None]) -> None:
        """Call `listener(name, transition)` after each transition, outside the lock. Errors of the listener are
        logged."""
        self._gate.listeners.append(lambda transition: listener(str(self.name), transition))
