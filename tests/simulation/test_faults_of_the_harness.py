"""What fails in the simulation itself fails the run: no service may take it for an outage."""

from typing import Any
from unittest.mock import patch

import pytest

from tests.models.database.execute import Executor
from tests.models.redis.execute import Executor as RedisExecutor
from tests.simulation.draw import draw
from tests.simulation.plan import LARGE, Cut
from tests.simulation.run import run

_CUT = Cut(seconds=2, faults=(), clients=(0,), operators=(), apis=1, writers=1, admins=1)


@pytest.mark.parametrize("model", [Executor, RedisExecutor])
def test_a_model_that_fails_fails_the_run(model: Any) -> None:
    """An exception in a model of the simulation is reported as a fault of the harness, not as an error of the modelled
    server."""
    real = model.run
    calls = 0

    def sometimes(*args: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyError("a bug of the model")
        return real(*args, **more)

    with patch.object(model, "run", sometimes):
        result = run(_CUT.of(draw(0, LARGE)), _CUT)
    assert "harness" in result.broken
