"""Fixtures of the breaker's tests."""

import pytest

from tests.unit.breakers import Chance, Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def chance() -> Chance:
    """Chance that the test decides."""
    return Chance()
