"""Process: the simulation's equivalent of an operating system process. Its handles run in the order in which they
became ready, as on a loop of its own. The seed chooses between processes."""

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
        #: Whether it is of an older build (builds.py).
        self.older = False
        #: Handles that can run now.
        self.ready: deque[Step] = deque()
        #: Number of handles that have run.
        self.steps = 0
        #: The number of the step at which the process is killed instead.
        self.dies_at_step: int | None = None
        self.handlers: dict[int, Callable[[], object]] = {}
        self.executor: ThreadPoolExecutor | None = None
        #: Its ends of connections.
        self.ends: list[Transport] = []
        #: Functions that are called once when it dies, in whatever way.
        self.on_death: list[Callable[[], object]] = []
        #: What a dead process held. It is kept until the end of the run, so that none of its `finally` blocks run.
        self.memory: list[object] = []
        self.threads: set[greenlet] = set()
        #: An empty context of this process, which is copied for each use.
        self.base = Context()
        self.base.run(PROCESS.set, self)

    def die(self, tasks: list[Task[Any]]) -> None:
        """End at once, so that none of its code runs any more."""
        self.alive = False
        self.memory += [*tasks, *self.ready]
        self.ready.clear()
        for call in self.on_death:
            call()
