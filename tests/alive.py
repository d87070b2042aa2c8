"""Alive: after a test that failed, what it started ends, and what it broke runs again, so that the next one does not
fail for it."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol
from weakref import WeakSet

import pytest


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
def _ending_what_is_new() -> Iterator[None]:
    before = set(_all)
    try:
        yield
    except BaseException:
        for process in set(_all) - before:
            process.kill()
        raise


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """A fixture that fails after it has started something never comes to its end."""
    with _ending_what_is_new():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """A test that fails leaves alone what fixtures started, as it found it."""
    were: list[Process] = [process for process in _all if process.running]
    try:
        with _ending_what_is_new():
            return (yield)
    except BaseException:
        for process in were:
            process.thaw()
            if not process.running:
                process.start()
        raise
