"""When one store alone was down."""

import pytest

from tests.promises.history import Alone, Fault
from tests.simulation.alone import alone

_DIES = Fault(20.0, 30.0, "die", "database")


@pytest.mark.parametrize(
    ("others", "times"),
    [
        ((), [(20.0, 30.0)]),
        ((Fault(1.0, 2.0, "kill", "api-1"),), [(20.0, 30.0)]),
        ((Fault(1.0, 15.0, "kill", "api-1"),), [(25.0, 30.0)]),
        ((Fault(24.0, 25.0, "poison", "queue"),), [(20.0, 24.0)]),
        ((Fault(1.0, 40.0, "slow", "api-1>cache"),), []),
        ((Fault(20.5, 21.0, "die", "queue"),), []),
    ],
    ids=["nothing else", "long before", "shortly before", "meanwhile", "all the time", "at once"],
)
def test_one_store_alone(others: tuple[Fault, ...], times: list[tuple[float, float]]) -> None:
    """A store counts as alone while no other fault is active and none was active shortly before; periods that are too
    short are left out."""
    assert [*alone([_DIES, *others])] == [Alone(*time, "database") for time in times]
