"""Deadline: the time limit of the running request, for all code that runs on its behalf.

with deadline.scope(5.0):
    timeout_s = min(1.5, deadline.remaining_s())
"""

import time
from contextvars import ContextVar, Token
from math import inf

_END: ContextVar[float | None] = ContextVar("deadline", default=None)


def end() -> float | None:
    """Return the deadline on the monotonic clock, or None if there is none."""
    return _END.get()


def remaining_s() -> float:
    """Return the seconds left, never below 0; infinite without a deadline."""
    ends = _END.get()
    return inf if ends is None else max(0.0, ends - time.monotonic())


class scope:  # noqa: N801 - reads as a function; a generator's context manager costs three times as much
    """Sets a deadline for the block, `seconds` from now. An earlier deadline stays in force."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        ends = time.monotonic() + self._seconds
        earlier = _END.get()
        self._token: Token[float | None] = _END.set(ends if earlier is None else min(ends, earlier))

    def __exit__(self, *_: object) -> None:
        _END.reset(self._token)
