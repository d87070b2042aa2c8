"""Breaker: the interface of `circuitbreaker.CircuitBreaker` with another state machine inside."""

import random as randoms
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from math import ceil
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

from circuitbreaker import CircuitBreaker, CircuitBreakerMonitor

from holdfast.shared.resilience.breaker.gate import Gate
from holdfast.shared.resilience.breaker.guard import Guard
from holdfast.shared.resilience.breaker.judge import Deadline, Judge
from holdfast.shared.resilience.breaker.machine import Machine
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import Refused
from holdfast.shared.resilience.breaker.refused import CallRefused
from holdfast.shared.resilience.breaker.report import Report
from holdfast.shared.resilience.breaker.snapshot import Override, Snapshot, State, Transition
from holdfast.shared.resilience.breaker.verdict import Classify, every_error_counts
from holdfast.shared.telemetry.tracing import spans

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_OVERRIDE_S = 900.0
_registering = threading.Lock()


class Breaker(CircuitBreaker):  # type: ignore[misc]  # untyped in the library
    """For calls through `call_async`, `call`, `guard`, or as a decorator; all of them raise CallRefused.

    `classify` judges the errors of calls. `deadline` gives the moment, on `clock`, at which our own time for the
    running call ends, or None: a cancellation from then on is the dependency's failure, one before it is the client
    who went away. `fallback_function` answers refused calls, with their arguments; `guard` has none. `clock` is
    monotonic, in seconds, `wall` the time of day; `random` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        name: str,
        policy: Policy | None = None,
        *,
        classify: Classify = every_error_counts,
        deadline: Deadline = lambda: None,
        fallback_function: Callable[..., Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[], float] = randoms.random,
    ) -> None:
        report = Report(name)
        judge = Judge(classify, deadline, report)
        super().__init__(
            name=name, fallback_function=fallback_function, expected_exception=judge.counts_as_failure
        )  # fmt: skip

        def stamp(moment: float) -> datetime:
            return wall() + timedelta(seconds=moment - clock())

        machine = Machine(policy or Policy(), now=clock(), random=random, stamp=stamp)
        self._gate = Gate(machine, clock, judge, report)

    # --- calls ---

    async def call_async(self, func: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """`await func(...)`, if it may pass."""
        gate = self._gate
        token = gate.machine.door or gate.admit()
        if isinstance(token, Refused):
            answer: T = await self._instead(token)(*args, **kwargs)
            return answer
        call: Callable[P, Awaitable[T]] = func if spans.collector is None else spans.around(str(self.name), func)
        began = gate.clock()
        try:
            result = await call(*args, **kwargs)
        except BaseException as error:
            gate.failed(token, began, error)
            raise
        gate.succeeded(token, began)
        return result

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`func(...)`, if it may pass."""
        gate = self._gate
        token = gate.admit()
        if isinstance(token, Refused):
            answer: T = self._instead(token)(*args, **kwargs)
            return answer
        with Guard(gate, token):
            return func(*args, **kwargs)

    def call_generator(
        self, func: Callable[P, Generator[T, Any, Any]], *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, Any, Any]:
        """`yield from func(...)`, if it may pass. How long it took is not judged: that is its consumer's time too."""
        gate = self._gate
        token = gate.admit()
        if isinstance(token, Refused):
            return (yield from self._instead(token)(*args, **kwargs))
        with Guard(gate, token, timed=False):
            return (yield from func(*args, **kwargs))

    async def call_async_generator(
        self, func: Callable[P, AsyncGenerator[T, Any]], *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, Any]:
        """The same for an asynchronous generator."""
        gate = self._gate
        token = gate.admit()
        if isinstance(token, Refused):
            async with aclosing(self._instead(token)(*args, **kwargs)) as instead:
                async for each in instead:
                    yield each
            return
        with Guard(gate, token, timed=False):
            async with aclosing(func(*args, **kwargs)) as inner:
                async for each in inner:
                    yield each

    @contextmanager
    def guard(self) -> Generator[None]:
        """`with breaker.guard(): ...`, around synchronous or asynchronous code, if it may pass."""
        token = self._gate.admit()
        if isinstance(token, Refused):
            raise CallRefused(self, token)
        with Guard(self._gate, token):
            yield

    def __enter__(self) -> NoReturn:
        """One breaker is entered by many calls at once, and cannot know which of them leaves."""
        raise TypeError("use `with breaker.guard():`")

    def __call__(self, wrapped: F) -> F:
        """As a decorator."""
        return self.decorate(wrapped)

    def decorate(self, function: F) -> F:
        """`function` through this breaker at each call; of the same kind. Registers with the monitor."""
        self.register()
        through: Any = self._through(function)
        return cast(F, wraps(function)(through))

    # --- operators; all of it ends by itself, and says who and why ---

    def force_open(self, *, actor: str, reason: str, for_s: float = _OVERRIDE_S) -> None:
        """Let nothing through for `for_s` seconds; then probe."""
        self._gate.impose(Override.FORCE_OPEN, for_s, actor, reason)

    def force_closed(self, *, actor: str, reason: str, for_s: float = _OVERRIDE_S) -> None:
        """Let everything through for `for_s` seconds; it is counted, and afterwards the counts decide."""
        self._gate.impose(Override.FORCE_CLOSED, for_s, actor, reason)

    def observe_only(self, *, actor: str, reason: str, for_s: float = _OVERRIDE_S) -> None:
        """Decide as always and count what would be refused, but let it through for `for_s` seconds."""
        self._gate.impose(Override.OBSERVE_ONLY, for_s, actor, reason)

    def lift(self, *, actor: str, reason: str) -> None:
        """End now what was imposed, as its time limit would."""
        self._gate.lift(actor, reason)

    def reset(self, *, actor: str = "the program", reason: str = "reset") -> None:
        """As new: closed, nothing counted, nothing imposed."""
        self._gate.reset(actor, reason)

    def adopt(self, policy: Policy) -> None:
        """Go by other numbers from now on, without forgetting what was counted."""
        self._gate.adopt(policy)

    # --- to look at ---

    def snapshot(self) -> Snapshot:
        """All of it, now. Also makes it notice what only needed time to pass: look at it, and the metrics follow."""
        return self._gate.snapshot(str(self.name))

    @property
    def policy(self) -> Policy:
        """The numbers it goes by."""
        return self._gate.machine.policy

    @property
    def undisturbed(self) -> bool:
        """Closed, with no ramp and no override: every call may pass. Costs nothing to ask."""
        return self._gate.machine.door is not None

    @property
    def state(self) -> State:
        """Equal to the package's `STATE_...`. While observing: what it would be."""
        return self.snapshot().state

    @property
    def refuses(self) -> bool:
        """Whether it is open and lets nothing through."""
        now = self.snapshot()
        observed = now.imposed is not None and now.imposed.override is Override.OBSERVE_ONLY
        return now.state is State.OPEN and not observed

    @property
    def open_remaining(self) -> int:
        """Whole seconds until a probe may pass, rounded up; 0 when not open."""
        return ceil(self._gate.open_remaining_s())

    @property
    def failure_count(self) -> int:
        """Failures in the window."""
        return self.snapshot().counts.failures

    @property
    def last_failure(self) -> str | None:
        """The name of the last failure's class. (Kept whole, an error keeps every local of its call alive.)"""
        return self._gate.last_failure

    def listen(self, listener: Callable[[str, Transition], None]) -> None:
        """Call `listener(name, transition)` after each transition, outside the lock. Its errors are logged."""
        self._gate.listeners.append(lambda transition: listener(str(self.name), transition))

    def register(self) -> None:
        """Be found by `CircuitBreakerMonitor`. Raises ValueError if another breaker has this name in this process."""
        with _registering:
            if CircuitBreakerMonitor.get(self.name) not in (None, self):
                raise ValueError(f"there is a breaker with the name {self.name} already")
            CircuitBreakerMonitor.register(self)

    def _instead(self, refused: Refused) -> Callable[..., Any]:
        fallback: Callable[..., Any] | None = self.fallback_function
        if fallback is None:
            raise CallRefused(self, refused)
        return fallback

    def _through(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if isasyncgenfunction(function):

            async def async_generator(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
                async with aclosing(self.call_async_generator(function, *args, **kwargs)) as inner:
                    async for each in inner:
                        yield each

            return async_generator
        if isgeneratorfunction(function):

            def generator(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
                return (yield from self.call_generator(function, *args, **kwargs))

            return generator
        if iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__):

            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                return await self.call_async(function, *args, **kwargs)

            return coroutine

        def plain(*args: Any, **kwargs: Any) -> Any:
            return self.call(function, *args, **kwargs)

        return plain
