"""Garbage: what collecting the tests allocates, a million objects, lives to the end of the run. The garbage collector
is therefore off while tests are collected, and does not look through those objects later. A test that leaves a file or
a connection open fails itself, not the test that runs when the collector does."""

import gc
import os
import sys
from collections.abc import Generator

import pytest

_open_before = pytest.StashKey[set[str]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None]:
    """Freeze what is allocated while tests are collected."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Note what is open before the test."""
    item.stash[_open_before] = _open()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """If a file is open that was not before, collect garbage, and fail the test if a finalizer complains."""
    yield
    if _open() - item.stash[_open_before] and (complaints := _complaints()):
        pytest.fail("left open:\n" + "\n".join(complaints), pytrace=False)


def _open() -> set[str]:
    """Return what is open: connections and pipes by their inode numbers, files by their names."""
    return {link for entry in os.scandir("/proc/self/fd") if (link := _link(entry.path))}


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # the descriptor of scandir itself
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
