"""Alive: the servers and services that tests started, so that what a failed one left can be put in order."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet


class Process(Protocol):
    """A server or a service."""

    @property
    def running(self) -> bool:
        """Whether the process exists."""
        ...

    def start(self) -> object:
        """Start it, and wait until it answers."""

    def thaw(self) -> None:
        """End a SIGSTOP."""

    def kill(self) -> None:
        """kill -9."""


_all: WeakSet[Any] = WeakSet()


def known(process: Process) -> None:
    """Every process is made known here when it is made."""
    _all.add(process)


@contextmanager
def ending_what_is_new() -> Iterator[None]:
    """On failure, kill what was made known meanwhile."""
    before = set(_all)
    try:
        yield
    except BaseException:
        for process in set(_all) - before:
            process.kill()
        raise


@contextmanager
def restoring_what_ran() -> Iterator[None]:
    """On failure, have what ran before run again."""
    were: list[Process] = [process for process in _all if process.running]
    try:
        yield
    except BaseException:
        for process in were:
            process.thaw()
            if not process.running:
                process.start()
        raise
