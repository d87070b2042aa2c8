"""Loop: an asyncio event loop in virtual time, whose every choice comes from one seed.

While something is ready, time passes only by the little that each step takes; then it leaps to the next timer. There is
no selector, no socket and no thread: the network and executors are simulated beside it.
"""

# mypy: disable-error-code="override"
# The parameters of asyncio's methods that are overridden here are spelt differently in every version of its stubs.

import asyncio
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent

from tests.simulation.clocks import Clock
from tests.simulation.process import PROCESS, Process

#: Seconds that one step of a process takes, so that time passes even in a loop which never waits.
STEP_S = 2e-6
#: Cancelled timers are removed when there are more than this and they are the majority.
_SWEEP_OVER = 1000


class Stuck(Exception):
    """Raised when nothing is ready and no timer is left."""


class Step:
    """A callback that a process is to run; asyncio calls it a handle."""

    __slots__ = ("args", "callback", "context", "due_s", "is_cancelled", "loop")

    loop: "SimulatedLoop | None"
    due_s: float

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.callback, self.args, self.context = callback, args, context
        self.is_cancelled = False

    def cancel(self) -> None:
        """Cancel the step."""
        self.is_cancelled = True

    def cancelled(self) -> bool:
        """Return whether the step was cancelled."""
        return self.is_cancelled


class Timer(Step):
    """A step that is due at a time. `due_s`: by the clock of its process. `loop` is None once it was due."""

    __slots__ = ()

    def cancel(self) -> None:
        """Cancel the timer."""
        if not self.is_cancelled and self.loop is not None:
            self.loop.cancelled_one()
        self.is_cancelled = True

    def when(self) -> float:
        """Return when it is due."""
        return self.due_s


class SimulatedTask(asyncio.Task[Any]):
    """A task whose hash is its number, so that sets of tasks have the same order in every run."""

    process: Process

    def __init__(self, coro: Any, *, loop: "SimulatedLoop", name: str | None, context: Context | None) -> None:
        self.number = number = next(loop.numbers)
        super().__init__(coro, loop=loop, name=name or f"task {number}", context=context)

    def __hash__(self) -> int:
        return self.number


class SimulatedFuture(asyncio.Future[Any]):
    """A future whose hash is its number."""

    number: int

    def __hash__(self) -> int:
        return self.number


class SimulatedLoop(asyncio.BaseEventLoop):
    """One loop for all processes. `process` is the running one; `world` stands for everything outside the machines."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.now_s = 0.0
        self.chance = chance
        self.world = Process("world", "world", Clock(), Random(chance.getrandbits(64)))
        self.process = self.world
        #: The greenlet that runs the loop, which is the parent of all threads.
        self.greenlet = getcurrent()
        #: Processes with a ready step that are neither frozen nor dead.
        self._active: list[Process] = []
        self._timers: list[tuple[float, int, Step, Process]] = []
        self._order = count()
        self.numbers = count(1)
        self._cancelled = 0
        #: Dead processes. They are kept, with what they held, until the run is over.
        self._dead: list[Process] = []
        #: Called with (process, context of the error) when a callback fails.
        self.on_error: Callable[[Process, dict[str, Any]], None] | None = None

    #: Each task and future asks whether the loop is debugged. It is not.
    get_debug = bool  # type: ignore[assignment]

    # --- scheduling ---

    def time(self) -> float:
        """Return the running process' monotonic clock."""
        clock = self.process.clock
        return clock.uptime_s + self.now_s * clock.rate

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Step:
        """Schedule a callback, as any loop does, in the process that the context belongs to."""
        if context is None:
            process, context = self.process, copy_context()
        else:
            process = context.get(PROCESS, self.process)
        step = Step(callback, args, context)
        if process.ready:
            process.ready.append(step)
        else:
            self.put(process, step)
        return step

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Step:
        """Schedule a callback after a delay, as any loop does."""
        return self._at(self.now_s + delay / self.process.clock.rate, callback, args, context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Step:
        """Schedule a callback, as any loop does. `when`: by the clock of the running process."""
        return self._at(self.process.clock.true(when), callback, args, context)

    def _at(
        self, true_s: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None
    ) -> Step:
        if context is None:
            process, context = self.process, copy_context()
        else:
            process = context.get(PROCESS, self.process)
        timer = Timer(callback, args, context)
        timer.loop, timer.due_s = self, process.clock.monotonic(true_s)
        heappush(self._timers, (true_s, next(self._order), timer, process))
        return timer

    def deliver(self, process: Process, true_s: float, callback: Callable[[], object], context: Context) -> None:
        """Call something in a process at a true time."""
        heappush(self._timers, (true_s, next(self._order), Step(callback, (), context), process))

    def put(self, process: Process, step: Step) -> None:
        """Make a step ready."""
        ready = process.ready
        if not ready:
            if not process.alive:
                process.memory.append(step)
                return
            if not process.frozen:
                self._active.append(process)
        ready.append(step)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> SimulatedTask:
        """Create a task, as any loop does."""
        task = SimulatedTask(coro, loop=self, name=name, context=context)
        task.process = self.process if context is None else context.get(PROCESS, self.process)
        return task

    def create_future(self) -> SimulatedFuture:
        """Create a future, as any loop does."""
        future = SimulatedFuture(loop=self)
        future.number = next(self.numbers)
        return future

    # --- processes ---

    def spawn(self, process: Process, main: Callable[[], Coroutine[Any, Any, Any]]) -> SimulatedTask:
        """Start a process, and return the task that runs its main function."""

        async def begin() -> None:
            await main()

        return self.create_task(begin(), name=process.name, context=process.base.copy())

    def kill(self, process: Process) -> None:
        """End a process at once, between two of its steps. No `finally` of it runs."""
        if not process.alive:
            return
        if process in self._active:
            self._active.remove(process)
        for end in list(process.ends):
            end.die()
        self._dead.append(process)
        process.die([task for task in asyncio.all_tasks(self) if task.process is process])  # type: ignore[attr-defined]

    def freeze(self, process: Process) -> None:
        """Run nothing of a process until it is thawed, as after SIGSTOP."""
        process.frozen = True
        if process in self._active:
            self._active.remove(process)

    def thaw(self, process: Process) -> None:
        """Continue a frozen process."""
        if process.frozen:
            process.frozen = False
            if process.ready:
                self._active.append(process)

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """Add a handler for a signal to the running process."""
        self.process.handlers[sig] = lambda: callback(*args)

    def remove_signal_handler(self, sig: int) -> bool:
        """Remove the running process' handler for a signal."""
        return self.process.handlers.pop(sig, None) is not None

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Run a function in a thread, as any loop does. Each process has a default executor of its own."""
        if executor is None:
            executor = self.process.executor = self.process.executor or ThreadPoolExecutor(32)
        return asyncio.wrap_future(executor.submit(func, *args), loop=self)

    # --- running ---

    def _run_once(self) -> None:
        self.greenlet = getcurrent()
        active, timers, draw = self._active, self._timers, self.chance.random
        while not self._stopping:  # type: ignore[attr-defined]
            if timers and timers[0][0] <= self.now_s:
                self._expire()
            if not active:
                if not timers:
                    raise Stuck("nothing is ready, and nothing is due")
                self.now_s = max(self.now_s, timers[0][0])
                continue
            index = int(draw() * len(active)) if len(active) > 1 else 0
            process = active[index]
            if process.steps == process.dies_at_step:
                self.kill(process)
                continue
            ready = process.ready
            step = ready.popleft()
            if not ready:
                active[index] = active[-1]
                active.pop()
            if step.is_cancelled:
                continue
            process.steps += 1
            self.now_s += STEP_S
            self.process = process
            try:
                step.context.run(step.callback, *step.args)
            except Exception as error:  # noqa: BLE001 - a callback's error ends nothing
                self.call_exception_handler({"message": "a callback failed", "exception": error})
            self.process = self.world

    def _expire(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self.now_s:
            _, _, step, process = heappop(timers)
            step.loop = None
            if step.is_cancelled:
                self._cancelled -= 1
            elif process.ready:
                process.ready.append(step)
            else:
                self.put(process, step)

    def cancelled_one(self) -> None:
        """Count a cancelled timer, and remove all cancelled timers once they are the majority."""
        self._cancelled += 1
        if self._cancelled > _SWEEP_OVER and self._cancelled * 2 > len(self._timers):
            self._timers[:] = [one for one in self._timers if not one[2].is_cancelled]
            heapify(self._timers)
            self._cancelled = 0

    def end(self) -> None:
        """Close the loop, and leave pending tasks as they are."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error that no task caught, with its process."""
        if self.on_error:
            self.on_error(self.process, context)
        else:
            super().call_exception_handler(context)
