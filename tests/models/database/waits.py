"""Waits: how a statement waits for a lock, or for a server that hangs. In a simulation it gives way to the loop;
between real threads, as in the contract suite, it waits as they do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

from tests.simulation.blocking import Signal, block

_ANYWAY = nullcontext()


class Waits(Protocol):
    """One way to wait."""

    def wakeup(self) -> Any:
        """Return a new event."""

    def wait(self, wakeup: Any, timeout_s: float | None) -> bool:
        """Wait for an event, and return whether it came in time."""

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""

    def alone(self) -> Any:
        """Return a context in which nothing else runs, except during waits."""


class Simulated:
    """Waits in virtual time."""

    def wakeup(self) -> Signal:
        """Return a signal."""
        return Signal()

    def wait(self, wakeup: Signal, timeout_s: float | None) -> bool:
        """Wait in virtual time."""
        return wakeup.wait(timeout_s)

    def sleep(self, seconds: float) -> None:
        """Sleep in virtual time."""
        block(seconds)

    def alone(self) -> Any:
        """Return an empty context, because only one greenlet runs anyway."""
        return _ANYWAY


class Threaded:
    """Waits between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def wakeup(self) -> threading.Event:
        """Return an event."""
        return threading.Event()

    def wait(self, wakeup: threading.Event, timeout_s: float | None) -> bool:
        """Wait, while other threads run."""
        self._lock.release()
        try:
            return wakeup.wait(timeout_s)
        finally:
            self._lock.acquire()

    def sleep(self, seconds: float) -> None:
        """Sleep, while other threads run."""
        self.wait(threading.Event(), seconds)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Return a lock, so that one thread runs at a time."""
        with self._lock:
            yield
