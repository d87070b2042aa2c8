"""Alive: the servers and services that tests started, so that a test that failed leaves them in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet


class Process(Protocol):
    """A server process or a service process."""

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        ...

    def start(self) -> object:
        """Start it, and wait until it answers."""

    def thaw(self) -> None:
        """End a SIGSTOP."""

    def kill(self) -> None:
        """Send SIGKILL."""


_all: WeakSet[Any] = WeakSet()


def known(process: Process) -> None:
    """Register a process. Every process registers when it is constructed."""
    _all.add(process)


@contextmanager
def ending_what_is_new() -> Iterator[None]:
    """On failure, kill every process that was registered within the block."""
    before = set(_all)
    try:
        yield
    except BaseException:
        for process in set(_all) - before:
            process.kill()
        raise


@contextmanager
def restoring_what_ran() -> Iterator[None]:
    """On failure, thaw every process that ran before the block, and restart it if it has ended."""
    were: list[Process] = [process for process in _all if process.running]
    try:
        yield
    except BaseException:
        for process in were:
            process.thaw()
            if not process.running:
                process.start()
        raise
