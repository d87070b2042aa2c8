"""Garbage: what collecting the tests has made lives to the end, so the garbage collector need not look through it again
and again; that is a million objects."""

import gc

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Before the first test."""
    gc.collect()
    gc.freeze()
