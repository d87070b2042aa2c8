"""After a test that failed, what it started ends, and what it broke runs again, so that the next one does not fail for
it."""

from collections.abc import Generator
from typing import Any

import pytest

from tests.alive import ending_what_is_new, restoring_what_ran


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """A fixture that fails after it has started something never comes to its end."""
    with ending_what_is_new():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """A test that fails leaves alone what fixtures started, as it found it."""
    with restoring_what_ran(), ending_what_is_new():
        return (yield)
