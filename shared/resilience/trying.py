"""Trying: a loop, or a step of one, that goes on after a failure, and never in silence.

| what happens                   | what is logged                                                   |
|--------------------------------|------------------------------------------------------------------|
| the first failure              | `loop_held_up`, with the error's own text                        |
| another cause                  | the same again; so many lines a minute at most                   |
| the same cause                 | nothing; it is counted                                           |
| it works again                 | `loop_goes_on`, with how often it had failed and for how long    |

A store's answer that says no (a wrong password, a missing right, a key of another type, an error in a script) is no
outage: it will be the same until somebody mends something. It is an error in the log, `refused` in the metric, and
there is an alert on it. What fails now is in the check `loops` of `/health`.
"""

import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError

from holdfast.shared.connections.script import NotSent
from holdfast.shared.errors import AppError
from holdfast.shared.faults import BadData, Contention, Fault, Unexplained
from holdfast.shared.resilience.breaker.refused import CallRefused
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

NO_ANSWER, REFUSED = "no_answer", "refused"
_TEXT_MAX_CHARS = 300
#: A cause that comes and goes is logged so often in so many seconds.
_LINES_MAX, _LINES_S = 10, 60.0
#: redis-py calls them connection errors.
_ANSWERS = (ResponseError, AuthenticationError, AuthorizationError, BadData, Unexplained)
#: What a store may fail with, besides our own errors made of these.
AWAY = (RedisError, OSError, NotSent, Fault)

_NUMBER = re.compile(r"\d+")

#: By identity: those that fail now.
_failing: dict[int, "Trying"] = {}


class Trying:
    """`name` is the label `loop`. `with trying:` around a try reports how it ended, and passes its error on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._counts = {kind: metrics.loop_failures.labels(name, kind) for kind in (NO_ANSWER, REFUSED)}
        #: What the last failure said; empty: the last try worked.
        self.failing = ""
        self._cause = ""
        self._failures = 0
        self._since = 0.0
        self._lines: deque[float] = deque(maxlen=_LINES_MAX)
        self._silent = False

    def failed(self, error: BaseException) -> None:
        """A try ended with `error`. Of what a breaker did not let through there is nothing to report."""
        error = cause_of(error)
        if isinstance(error, CallRefused):
            return
        kind = REFUSED if is_answer(error) else NO_ANSWER
        self._counts[kind].inc()
        now = time.monotonic()
        if not self.failing:
            self._since, self._failures, self._cause = now, 0, ""
        self._failures += 1
        self.failing = text_of(error)
        _failing[id(self)] = self
        cause = _NUMBER.sub("#", self.failing)
        if cause != self._cause:
            self._cause = cause
            self._log(kind, now)

    def worked(self) -> None:
        """A try was good."""
        if not self.failing:
            return
        self.failing = ""
        _failing.pop(id(self), None)
        if not self._silent:
            for_s = round(time.monotonic() - self._since, 1)
            logs.info(Action.LOOP_GOES_ON, loop=self.name, failures=self._failures, for_s=for_s)

    @contextmanager
    def surviving(self, *errors: type[Exception]) -> Iterator[None]:
        """`with` that reports, and keeps these errors to itself."""
        try:
            with self:
                yield
        except errors:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if error is None:
            if self.failing:
                self.worked()
        elif isinstance(error, (*AWAY, AppError)) and not isinstance(error, Contention):
            self.failed(error)

    def _log(self, kind: str, now: float) -> None:
        self._silent = len(self._lines) == _LINES_MAX and now - self._lines[0] < _LINES_S
        if self._silent:
            return
        self._lines.append(now)
        say = logs.error if kind == REFUSED else logs.warning
        say(Action.LOOP_HELD_UP, loop=self.name, kind=kind, error=self.failing)


def cause_of(error: BaseException) -> BaseException:
    """What lies behind our own errors."""
    while isinstance(error, AppError | NotSent) and error.__cause__ is not None:
        error = error.__cause__
    return error


def is_answer(error: BaseException) -> bool:
    """Whether a store said no, so that trying again will not help."""
    return isinstance(cause_of(error), _ANSWERS)


def text_of(error: BaseException) -> str:
    """The error's own words, as short as a log needs them. A fault's are without the data that it quotes."""
    error = cause_of(error)
    own = error.detail if isinstance(error, Fault) else str(error)
    code = getattr(error, "status_code", None)
    words = f"{code} {own}" if code and not own.startswith(code) else own
    return ": ".join(filter(None, (type(error).__name__, words[:_TEXT_MAX_CHARS])))


def check() -> tuple[bool, str]:
    """A health check: what fails now."""
    held_up = sorted({f"{each.name}: {each.failing}" for each in _failing.values()})
    return not held_up, "; ".join(held_up)
