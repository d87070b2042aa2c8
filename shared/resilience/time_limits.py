"""Time limits: cheap limits for requests, which almost always end in time. A separate timer for each request would cost
more than all other work on its deadline.

Limits that end at about the same time share one timer, which fires slightly earlier. Each limit that is still running
then gets a timer of its own, so it is as exact as `asyncio.timeout`.

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
    """The time limits of one event loop."""

    def __init__(self) -> None:
        #: The limits that end within the same slice of time, by the number of the slice. A dict keeps their order; a
        #: set would not.
        self._parts: dict[int, dict[Limited, None]] = {}

    def within(self, seconds: float) -> "TimeLimit":
        """Return a limit of `seconds` for a `with` block of a task."""
        return TimeLimit(self, seconds)

    def add(self, limited: "Limited", now: float) -> "dict[Limited, None]":
        """Add a limit to its slice, and return the slice, from which the limit is to be removed once it is over."""
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
    """Something with a time limit. `overdue` is called once the limit has passed, unless `over` was called before."""

    __slots__ = ("_among", "_limits", "_timer", "ends")

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._among: dict[Limited, None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def until(self, ends: float, now: float) -> None:
        """Set or replace the limit. `ends` and `now` are on the monotonic clock."""
        self.over()
        self.ends = ends
        self._among = self._limits.add(self, now)

    def over(self) -> None:
        """Remove the limit."""
        if self._among is not None:
            self._among.pop(self, None)
            self._among = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def watch(self) -> None:
        """Start a timer of its own, because the limit ends soon."""
        self._timer = asyncio.get_running_loop().call_later(max(0.0, self.ends - time.monotonic()), self.overdue)

    @abstractmethod
    def overdue(self) -> None:
        """React to the passed limit."""


class TimeLimit(Limited):
    """The time limit of a block. `expired` is set if the limit ended the block."""

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
        """Let the limit end `seconds` from now."""
        if not self.expired:
            now = time.monotonic()
            self.until(now + seconds, now)

    def overdue(self) -> None:
        """End the block by cancelling its task."""
        self.expired = True
        self._task.cancel()
