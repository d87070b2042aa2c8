"""Fixtures of the breaker's tests."""

import pytest
from circuitbreaker import CircuitBreakerMonitor

from tests.unit.breakers import Chance, Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that only the test moves."""
    return Clock()


@pytest.fixture
def chance() -> Chance:
    """Chance that the test decides."""
    return Chance()


@pytest.fixture(autouse=True)
def _a_monitor_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's monitor lives as long as the process; a test's breakers must not."""
    monkeypatch.setattr(CircuitBreakerMonitor, "circuit_breakers", {})
