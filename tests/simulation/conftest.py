"""Processes that a simulation killed leave their connections open: they go with the test, and not in a later one."""

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Collected at once, without the warnings that a process which ends in order would deserve."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
