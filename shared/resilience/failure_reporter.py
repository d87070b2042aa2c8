"""Failure reporter: counts every failure of a background loop, or of a retried step, without flooding the log.

| what happens                   | what is logged                                                   |
|--------------------------------|------------------------------------------------------------------|
| the first failure              | `loop_failing`, with the error's own text                        |
| another cause                  | `loop_failing` again                                             |
| more than ten causes a minute  | nothing; the next failure is logged once there is room again     |
| the same cause                 | nothing; the failure is counted                                  |
| success after failures         | `loop_recovered`, with the number of failures and the duration   |

A store that answers with a refusal (a wrong password, a missing right, a key of another type, an error in a script) is
not down: the answer stays the same until a person repairs the cause. Such a failure is logged as an error, counted as
`refused`, and alerted on. The answer of a node that takes no writes, or not these writes, is counted as `wrong_node`.
The check `loops` of `/health` lists current failures.
"""

import re
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

from redis.exceptions import AuthenticationError, AuthorizationError, RedisError, ResponseError

from holdfast.shared.connections.connection import WrongNode
from holdfast.shared.connections.script import NotSent
from holdfast.shared.errors import AppError
from holdfast.shared.faults import BadData, Contention, Fault, NotPrimary, Refusal, Unexplained
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

NO_ANSWER, REFUSED, WRONG_NODE = "no_answer", "refused", "wrong_node"
_TEXT_MAX_CHARS = 300
#: A cause that comes and goes is logged at most this often within this time.
_LINES_MAX, _LINES_S = 10, 60.0
#: redis-py counts the two authentication errors among its connection errors, so they are listed here.
_REFUSALS = (ResponseError, AuthenticationError, AuthorizationError, BadData, Refusal, Unexplained)
#: The errors of a store, apart from our own errors that wrap them.
AWAY = (RedisError, OSError, NotSent, Fault)

_NUMBER = re.compile(r"\d+")

#: The reporters whose last attempt failed, by identity.
_failing: WeakValueDictionary[int, "FailureReporter"] = WeakValueDictionary()


class FailureReporter:
    """Reports the failures of one loop or step. `name` is the value of the metrics' label `loop`. `once`: the step is
    not repeated, so `/health` does not show its failure, which nothing would end.

    self._reporter = FailureReporter("board")
    with self._reporter:                              # reports how the block ends, and re-raises its error
        await self._redis.get(key)
    with self._reporter.suppressing(RedisError):      # the same, and suppresses this error
        await self._redis.delete(key)
    """

    def __init__(self, name: str, *, once: bool = False) -> None:
        self.name = name
        self._once = once
        self._counts = {kind: metrics.loop_failures.labels(name, kind) for kind in (NO_ANSWER, REFUSED, WRONG_NODE)}
        #: The text of the last failure, empty if the last attempt worked; and its class.
        self.failing = ""
        self.kind: type[BaseException] = Exception
        #: The cause that was logged last since the last success; empty if none was.
        self._cause = ""
        self._failures = 0
        self._since = 0.0
        self._lines: deque[float] = deque(maxlen=_LINES_MAX)

    def failed(self, error: BaseException) -> None:
        """Record an attempt that ended with `error`. A breaker's refusal is ignored: the breaker has reported its
        cause."""
        error = cause_of(error)
        if isinstance(error, CallRefused):
            return
        not_this = isinstance(error, WrongNode | NotPrimary)
        kind = WRONG_NODE if not_this else REFUSED if is_refusal(error) else NO_ANSWER
        self._counts[kind].inc()
        now = time.monotonic()
        if not self.failing:
            self._since, self._failures, self._cause = now, 0, ""
        self._failures += 1
        self.failing, self.kind = text_of(error), type(error)
        if not self._once:
            _failing[id(self)] = self
        if (cause := _NUMBER.sub("#", self.failing)) != self._cause:
            self._log(kind, cause, now)

    def worked(self) -> None:
        """Record an attempt that worked."""
        if not self.failing:
            return
        self.failing = ""
        _failing.pop(id(self), None)
        if self._cause:
            for_s = round(time.monotonic() - self._since, 1)
            logs.info(Action.LOOP_RECOVERED, loop=self.name, failures=self._failures, for_s=for_s)

    @contextmanager
    def suppressing(self, *errors: type[Exception]) -> Iterator[None]:
        """Open a `with` block that reports how it ended, and suppresses these errors."""
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

    def _log(self, kind: str, cause: str, now: float) -> None:
        if len(self._lines) == _LINES_MAX and now - self._lines[0] < _LINES_S:
            return
        self._lines.append(now)
        self._cause = cause
        log = logs.error if kind == REFUSED else logs.warning
        log(Action.LOOP_FAILING, loop=self.name, kind=kind, error=self.failing)


def cause_of(error: BaseException) -> BaseException:
    """Return the vendor's error, or the fault, that our own errors wrap."""
    while isinstance(error, AppError | NotSent) and error.__cause__ is not None:
        error = error.__cause__
    return error


def is_refusal(error: BaseException) -> bool:
    """Return whether the store answered with a refusal, so that another attempt will not help."""
    return isinstance(cause_of(error), _REFUSALS)


def text_of(error: BaseException) -> str:
    """Return the error's class and text, shortened for logs. For a fault, return only its own text, which identifies it
    and omits the data that it quotes."""
    error = cause_of(error)
    if isinstance(error, Fault) and error.detail:
        return error.detail[:_TEXT_MAX_CHARS]
    own = str(error)
    code = getattr(error, "status_code", None)
    words = f"{code} {own}" if code and not own.startswith(code) else own
    return ": ".join(filter(None, (type(error).__name__, words[:_TEXT_MAX_CHARS])))


def check(kind: type[BaseException] = BaseException) -> tuple[bool, str]:
    """Run the health check `loops`: return whether nothing fails now, and a list of current failures. `kind`: only
    failures with such an error, as those of one store."""
    failing = sorted({f"{each.name}: {each.failing}" for each in _failing.values() if issubclass(each.kind, kind)})
    return not failing, "; ".join(failing)
