"""Garbage: what collecting the tests makes lives to the end, so the garbage collector need not look through it, neither
while it is made nor later; that is a million objects. And who leaves a file or a connection open learns it: not whoever
runs when the collector comes by."""

import gc
import os
import sys
from collections.abc import Generator

import pytest

_open_before = pytest.StashKey[set[str]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None]:
    """What is made here stays."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Note what is open."""
    item.stash[_open_before] = _open()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """If anything is open that was not before, garbage may hold it; its finalizers complain."""
    yield
    if _open() - item.stash[_open_before] and (complaints := _complaints()):
        pytest.fail("left open:\n" + "\n".join(complaints), pytrace=False)


def _open() -> set[str]:
    """Connections and pipes by their number in the system, files by their names."""
    return {link for entry in os.scandir("/proc/self/fd") if (link := _link(entry.path))}


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # that of the look itself
        return ""


def _complaints() -> list[str]:
    found: list[str] = []
    usual = sys.unraisablehook
    sys.unraisablehook = lambda raised: found.append(f"{raised.exc_value!r} of {raised.object!r}")
    try:
        gc.collect()
    finally:
        sys.unraisablehook = usual
    return found
