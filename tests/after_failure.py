"""After a test that failed, end the processes that it started and restart those that it broke, so that the next test
does not fail because of it."""

from collections.abc import Generator
from typing import Any

import pytest

from tests.alive import ending_what_is_new, restoring_what_ran


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, Any, Any]:
    """End what the fixture started if it fails: its own teardown does not run then."""
    with ending_what_is_new():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, Any, Any]:
    """If the test fails, end what it started and restart what the fixtures had running."""
    with restoring_what_ran(), ending_what_is_new():
        return (yield)
