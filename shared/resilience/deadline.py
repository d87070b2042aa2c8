"""Deadline: the time limit of the running request, for everything that works for it.

with deadline.scope(5.0):
    timeout_s = min(1.5, deadline.remaining_s())
"""

import contextlib
import time
from collections.abc import Generator
from contextvars import ContextVar
from math import inf

_END: ContextVar[float | None] = ContextVar("deadline", default=None)


def end() -> float | None:
    """The deadline on the monotonic clock; None: there is none."""
    return _END.get()


def remaining_s() -> float:
    """Seconds left, never below 0; infinite without a deadline."""
    ends = _END.get()
    return inf if ends is None else max(0.0, ends - time.monotonic())


@contextlib.contextmanager
def scope(seconds: float) -> Generator[None]:
    """Set a deadline for the block, `seconds` from now; an earlier one stays."""
    token = _END.set(time.monotonic() + min(seconds, remaining_s()))
    try:
        yield
    finally:
        _END.reset(token)
