"""A lever's own promise: what it takes away comes back."""

import asyncio
from typing import Any

from tests.simulation.levers import Stage, WorldLevers
from tests.simulation.nodes import Node
from tests.simulation.plan import Fault
from tests.simulation.simulation import Simulation

_NOTHING: Any = None


def test_who_is_to_die_at_a_commit_dies_in_time() -> None:
    """A process that is to be killed at a commit is killed and started again in time, even if it has too little to do
    to reach the step of its death soon."""
    simulation = Simulation(1)

    async def commit_and_rest() -> None:
        if node.incarnations == 1:
            levers.committed()
        await asyncio.sleep(60)

    node = Node(simulation, "writer-1", commit_and_rest)
    stage = Stage(simulation, {node.name: node}, *[_NOTHING] * 3, clients=[], hand=_NOTHING, third_party=_NOTHING)
    levers = WorldLevers(stage, simulation.chance("levers"))

    async def scenario() -> None:
        node.start()
        assert levers.begin(Fault(0.0, "kill_at_commit", node.name, 0.5))
        await asyncio.sleep(1)
        assert node.incarnations == 2
        assert node.running

    simulation.run(scenario)
