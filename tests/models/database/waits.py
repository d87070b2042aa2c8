"""Waits: how a statement waits for a lock, or for a server that hangs. In a simulation it gives way to the loop;
between real threads, as in the contract suite, it waits as they do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

from tests.simulation.blocking import Signal, block

_ANYWAY = nullcontext()


class Waits(Protocol):
    """One of the two."""

    def wakeup(self) -> Any:
        """A new one."""

    def wait(self, wakeup: Any, timeout_s: float | None) -> bool:
        """Whether it came in time."""

    def sleep(self, seconds: float) -> None:
        """Just wait."""

    def alone(self) -> Any:
        """A context in which nothing else runs, except while it waits."""


class Simulated:
    """In virtual time."""

    def wakeup(self) -> Signal:
        """A signal."""
        return Signal()

    def wait(self, wakeup: Signal, timeout_s: float | None) -> bool:
        """In virtual time."""
        return wakeup.wait(timeout_s)

    def sleep(self, seconds: float) -> None:
        """In virtual time."""
        block(seconds)

    def alone(self) -> Any:
        """Only one greenlet runs anyway."""
        return _ANYWAY


class Threaded:
    """Between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def wakeup(self) -> threading.Event:
        """An event."""
        return threading.Event()

    def wait(self, wakeup: threading.Event, timeout_s: float | None) -> bool:
        """Others run meanwhile."""
        self._lock.release()
        try:
            return wakeup.wait(timeout_s)
        finally:
            self._lock.acquire()

    def sleep(self, seconds: float) -> None:
        """Others run meanwhile."""
        self.wait(threading.Event(), seconds)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One at a time."""
        with self._lock:
            yield
