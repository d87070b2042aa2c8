"""Breaker: the interface of `circuitbreaker.CircuitBreaker` with another state machine inside."""

import random as randoms
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from math import ceil
from typing import Any, NoReturn, ParamSpec, TypeVar

from circuitbreaker import CircuitBreaker, CircuitBreakerMonitor

from shared.breaker.gate import Gate
from shared.breaker.judge import Deadline, Judge
from shared.breaker.machine import Machine, Refused
from shared.breaker.policy import Policy
from shared.breaker.refused import CallRefused
from shared.breaker.report import Report
from shared.breaker.snapshot import Override, Snapshot, State, Transition
from shared.breaker.verdict import Classify, every_error_counts

P = ParamSpec("P")
T = TypeVar("T")

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
        token = gate.admit()
        if isinstance(token, Refused):
            answer: T = await self._instead(token)(*args, **kwargs)
            return answer
        began = gate.clock()
        try:
            result = await func(*args, **kwargs)
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
        began = gate.clock()
        try:
            result = func(*args, **kwargs)
        except BaseException as error:
            gate.failed(token, began, error)
            raise
        gate.succeeded(token, began)
        return result

    def call_generator(
        self, func: Callable[P, Generator[T, Any, Any]], *args: P.args, **kwargs: P.kwargs
    ) -> Generator[T, Any, Any]:
        """`yield from func(...)`. It lasts as long as its consumer takes, so that is judged as part of it."""
        guard = self.guard()
        try:
            guard.__enter__()
        except CallRefused as refused:
            return (yield from self._instead(refused.refused)(*args, **kwargs))
        try:
            result = yield from func(*args, **kwargs)
        except BaseException as error:
            guard.__exit__(type(error), error, None)
            raise
        guard.__exit__(None, None, None)
        return result
