"""Simulation: the loop, the network, the timeline and the substitutes of one run."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

from tests.simulation.clocks import Clock
from tests.simulation.endpoints import NetworkedLoop
from tests.simulation.process import Process
from tests.simulation.substitutes import installed
from tests.simulation.timeline import Timeline

T = TypeVar("T")

#: Finished runs. They are kept because freeing what dead processes held would run its `finally` blocks.
_OVER: list["Simulation"] = []


class Simulation:
    """One run.

    simulation = Simulation(seed=7)
    simulation.run(lambda: scenario(simulation))
    print(simulation.timeline.text())
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.loop = NetworkedLoop(self.chance("loop"))
        self.network = self.loop.network
        self.timeline = Timeline(lambda: self.loop.now_s)
        self.loop.on_error = self._failed
        #: Failures of the simulation itself, and of callbacks that no task covers. After one of them the run proves
        #: nothing.
        self.faults: list[str] = []
        self._clocks: dict[str, Clock] = {}

    def chance(self, purpose: str) -> Random:
        """Return a random generator for one purpose, derived from the seed."""
        return Random(f"{self.seed} {purpose}")

    def clock(self, machine: str) -> Clock:
        """Return the clocks of a machine."""
        if machine not in self._clocks:
            self._clocks[machine] = Clock(uptime_s=self.chance(f"uptime of {machine}").uniform(1_000, 100_000))
        return self._clocks[machine]

    def process(self, machine: str, incarnation: int = 1) -> Process:
        """Return a new process on a machine."""
        name = machine if incarnation == 1 else f"{machine}/{incarnation}"
        return Process(name, machine, self.clock(machine), self.chance(f"process {machine} {incarnation}"))

    def run(self, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a scenario to its end, outside all machines. Garbage is collected only then, because what finalisers log,
        and when, would depend on what else is in memory."""
        collecting = gc.isenabled()
        gc.disable()
        asyncio.set_event_loop(self.loop)
        try:
            with installed(self.loop, self.timeline):
                return self.loop.run_until_complete(scenario())
        finally:
            asyncio.set_event_loop(None)
            self.loop.end()
            _OVER.append(self)
            if collecting:
                gc.enable()

    def _failed(self, process: Process, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.timeline.say(process.name, "error", message=context.get("message"), error=repr(error))
        if error is not None:
            self.faults.append(f"{process.name}: {context.get('message')}: {error!r}")
