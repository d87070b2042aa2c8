"""Fixtures of the breaker's tests."""

import pytest

from tests.unit.breakers import Chance, Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that only the test advances."""
    return Clock()


@pytest.fixture
def chance() -> Chance:
    """A random source whose number the test sets."""
    return Chance()
