"""The stand-in third party's behaviour: it is set as a whole, and expires on its own."""

import pytest
from pydantic import ValidationError

from deploy.third_party.behaviour import WELL, Behaviour, CurrentBehaviour


@pytest.mark.parametrize(
    "behaviour",
    [
        {"rate": 0.5},
        {"times": 2},
        {"fault": "fail", "status": 200},
        {"fault": "hang", "status": 503},
        {"fault": "hang", "retry_after": "1"},
        {"fault": "nonsense"},
        {"latency_ms": -1},
        {"latency_ms": "10"},
        {"fault": "fail", "rate": 1.5},
        {"fault": "fail", "times": 0},
        {"wait_ms": 1},
    ],
    ids=str,
)
def test_nonsense_is_refused(behaviour: dict[str, object]) -> None:
    """A behaviour that is contradictory or unknown is refused, so that a test that sets it does not pass by
    accident."""
    with pytest.raises(ValidationError):
        Behaviour.model_validate(behaviour)


def test_it_heals_after_so_many() -> None:
    """A fault that is set for a number of requests ends after exactly that number."""
    current = CurrentBehaviour()
    current.set(Behaviour(fault="reset", times=2))
    assert [current.next()[1] is not None for _ in range(4)] == [True, True, False, False]
    assert current.now == WELL


def test_it_heals_after_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A latency that is set for a time ends after that time."""
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    current = CurrentBehaviour()
    current.set(Behaviour(latency_ms=500, for_s=10))
    assert current.next()[0] == 0.5
    now = 110.0
    assert current.next() == (0.0, None)


def test_a_rate_is_a_share() -> None:
    """A rate is the share of requests that fail: about a third of three thousand, and none of them at 0."""
    current = CurrentBehaviour()
    current.set(Behaviour(fault="fail", rate=1 / 3))
    assert 800 < sum(current.next()[1] is not None for _ in range(3000)) < 1200
    current.set(Behaviour(fault="fail", rate=0))
    assert not any(current.next()[1] for _ in range(100))
