"""Process: what an operating system process is to the simulation. Its handles run in the order in which they became
ready, as on a loop of its own; between processes the seed chooses."""

from asyncio import Task
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar
from random import Random
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

from tests.simulation.clocks import Clock

if TYPE_CHECKING:
    from tests.simulation.loop import Step
    from tests.simulation.transport import Transport

PROCESS: ContextVar["Process"] = ContextVar("the process that runs here")


class Process:
    """One process, from its start to its death."""

    __slots__ = (
        "alive", "base", "chance", "clock", "dies_at_step", "ends", "executor", "frozen", "handlers", "machine",
        "memory", "name", "older", "on_death", "ready", "steps", "threads",
    )  # fmt: skip

    def __init__(self, name: str, machine: str, clock: Clock, chance: Random) -> None:
        self.name = name
        self.machine = machine
        self.clock = clock
        self.chance = chance
        self.alive = True
        self.frozen = False
        #: Whether it is of an earlier build (builds.py).
        self.older = False
        #: What can run now.
        self.ready: deque[Step] = deque()
        #: Handles that have run.
        self.steps = 0
        #: It is killed in place of running this handle.
        self.dies_at_step: int | None = None
        self.handlers: dict[int, Callable[[], object]] = {}
        self.executor: ThreadPoolExecutor | None = None
        #: Its ends of connections.
        self.ends: list[Transport] = []
        #: Called once when it dies, however it dies.
        self.on_death: list[Callable[[], object]] = []
        #: What a dead process held. It is kept until the run is over, so that none of its `finally` blocks run.
        self.memory: list[object] = []
        self.threads: set[greenlet] = set()
        #: An empty context of this process; each use takes a copy.
        self.base = Context()
        self.base.run(PROCESS.set, self)

    def die(self, tasks: list[Task[Any]]) -> None:
        """End at once: nothing of it runs any more."""
        self.alive = False
        self.memory += [*tasks, *self.ready]
        self.ready.clear()
        for call in self.on_death:
            call()
