"""Time limits of many blocks of code that almost always end early: a request's own timer would cost more than all else
about its deadline.

Limits that end about the same time share one timer, a moment before. What still runs then gets a timer of its own, so
that a limit is as exact as `asyncio.timeout`.

    limits = TimeLimits()                   # of one event loop
    with limits.within(5.0) as limit:       # raises TimeoutError, as `asyncio.timeout` does
        await work()
"""

import asyncio
import time
from types import TracebackType
from typing import Any, Self

_TOGETHER_S = 0.1


class TimeLimits:
    """Those of one event loop."""

    def __init__(self) -> None:
        #: The limits that end within one part of the time, by its number; in order, as a set would not keep them.
        self._parts: dict[int, dict[TimeLimit, None]] = {}

    def within(self, seconds: float) -> "TimeLimit":
        """For a `with` block of a task."""
        return TimeLimit(self, seconds)

    def add(self, limit: "TimeLimit", now: float) -> "dict[TimeLimit, None]":
        """Watch a limit. Returns where it is in until it is over."""
        number = int(limit.ends / _TOGETHER_S)
        part = self._parts.get(number)
        if part is None:
            part = self._parts[number] = {}
            begins_in_s = max(0.0, number * _TOGETHER_S - now)
            asyncio.get_running_loop().call_later(begins_in_s, self._begins, number)
        part[limit] = None
        return part

    def _begins(self, number: int) -> None:
        for limit in self._parts.pop(number):
            limit.watch()


class TimeLimit:
    """The limit of one block. `expired`: it ended the block."""

    __slots__ = ("_among", "_cancelled_before", "_limits", "_seconds", "_task", "_timer", "ends", "expired")

    def __init__(self, limits: TimeLimits, seconds: float) -> None:
        self._limits = limits
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None
        self.expired = False

    def __enter__(self) -> Self:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can be cancelled
        self._task = task
        self._cancelled_before = task.cancelling()
        now = time.monotonic()
        #: On the monotonic clock.
        self.ends = now + self._seconds
        self._among = self._limits.add(self, now)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._leave()
        if self.expired and self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def move(self, seconds: float) -> None:
        """It ends so much later than now."""
        if not self.expired:
            self._leave()
            now = time.monotonic()
            self.ends = now + seconds
            self._among = self._limits.add(self, now)

    def watch(self) -> None:
        """It ends soon."""
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self.ends - time.monotonic()), self._expire)

    def _leave(self) -> None:
        self._among.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()
