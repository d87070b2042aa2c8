"""Deadline: when the answer to the running request is due. Whoever works for a request asks how much time is left."""

import contextlib
import time
from collections.abc import Generator
from contextvars import ContextVar
from math import inf

_END: ContextVar[float | None] = ContextVar("deadline", default=None)


def end() -> float | None:
    """On the monotonic clock; None: nobody waits for this."""
    return _END.get()


def remaining_s() -> float:
    """Seconds left, never below 0; infinite where there is no deadline."""
    ends = _END.get()
    return inf if ends is None else max(0.0, ends - time.monotonic())


@contextlib.contextmanager
def scope(seconds: float) -> Generator[None]:
    """For what runs inside, `seconds` from now or what is left already, whichever is less."""
    token = _END.set(time.monotonic() + min(seconds, remaining_s()))
    try:
        yield
    finally:
        _END.reset(token)
