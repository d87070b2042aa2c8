"""Time limits of what almost always ends in time. A timer for each request would cost more than the rest of its
deadline.

Limits that end about the same time share one timer, which fires a moment earlier. What has not ended by then gets a
timer of its own, so that a limit is as exact as `asyncio.timeout`.

    limits = TimeLimits()                   # of one event loop
    with limits.within(5.0) as limit:       # raises TimeoutError, as `asyncio.timeout` does
        await work()
"""

import asyncio
import time
from abc import ABC, abstractmethod
from contextvars import Context
from types import TracebackType
from typing import Any, Self

_TOGETHER_S = 0.1


class TimeLimits:
    """Those of one event loop."""

    def __init__(self) -> None:
        #: What ends within one part of the time, by its number; in order, as a set would not keep it.
        self._parts: dict[int, dict[Limited, None]] = {}

    def within(self, seconds: float) -> "TimeLimit":
        """For a `with` block of a task."""
        return TimeLimit(self, seconds)

    def add(self, limited: "Limited", now: float) -> "dict[Limited, None]":
        """Returns where it is in until it is over."""
        number = int(limited.ends / _TOGETHER_S)
        part = self._parts.get(number)
        if part is None:
            part = self._parts[number] = {}
            begins_in_s = max(0.0, number * _TOGETHER_S - now)
            asyncio.get_running_loop().call_later(begins_in_s, self._begins, number, context=Context())
        part[limited] = None
        return part

    def _begins(self, number: int) -> None:
        for limited in self._parts.pop(number):
            limited.watch()


class Limited(ABC):
    """Something with a limit. `overdue` is called once it has passed, unless `over` was called before."""

    __slots__ = ("_among", "_limits", "_timer", "ends")

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._among: dict[Limited, None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def until(self, ends: float, now: float) -> None:
        """Set the limit, or another one. Both are on the monotonic clock."""
        self.over()
        self.ends = ends
        self._among = self._limits.add(self, now)

    def over(self) -> None:
        """There is no limit any more."""
        if self._among is not None:
            self._among.pop(self, None)
            self._among = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def watch(self) -> None:
        """It ends soon."""
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self.ends - time.monotonic()), self.overdue)

    @abstractmethod
    def overdue(self) -> None:
        """The limit has passed."""


class TimeLimit(Limited):
    """The limit of a block. `expired`: it ended the block."""

    __slots__ = ("_cancelled_before", "_seconds", "_task", "expired")

    def __init__(self, limits: TimeLimits, seconds: float) -> None:
        super().__init__(limits)
        self._seconds = seconds
        self.expired = False

    def __enter__(self) -> Self:
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None  # noqa: S101 - only a task can be cancelled
        self._task = task
        self._cancelled_before = task.cancelling()
        self.move(self._seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.over()
        if self.expired and self._task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def move(self, seconds: float) -> None:
        """It ends so much later than now."""
        if not self.expired:
            now = time.monotonic()
            self.until(now + seconds, now)

    def overdue(self) -> None:
        """End the block."""
        self.expired = True
        self._task.cancel()
