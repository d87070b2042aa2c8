"""Loop: an asyncio event loop in virtual time, whose every choice comes from one seed.

While something is ready, time passes only by the little that each step takes; then it leaps to the next timer. There is
no selector, no socket and no thread: the network and executors are simulated beside it.
"""

# mypy: disable-error-code="override"
# The parameters of asyncio's methods that are overridden here are spelt differently in every version of its stubs.

import asyncio
import heapq
from asyncio import Handle, TimerHandle
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from itertools import count
from random import Random
from typing import Any

from greenlet import getcurrent

from tests.simulation.clocks import Clock
from tests.simulation.process import PROCESS, Process

#: What one step of any process takes, so that a loop which never waits makes time pass as well.
STEP_S = 2e-6
#: Cancelled timers are swept when there are this many, and most timers are.
_SWEEP_OVER = 1000


class Stuck(Exception):
    """Nothing is ready, and nothing ever will be."""


class SimulatedTask(asyncio.Task[Any]):
    """A task whose hash is its number, so that sets of tasks have the same order in every run."""

    _numbers = count(1)
    process: Process

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class SimulatedFuture(asyncio.Future[Any]):
    """A future whose hash is its number."""

    _numbers = count(1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._number = next(self._numbers)
        super().__init__(*args, **kwargs)

    def __hash__(self) -> int:
        return self._number


class SimulatedLoop(asyncio.BaseEventLoop):
    """One loop for all processes. `process` is the one that runs now; `world` is what is outside of all machines."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self.now_s = 0.0
        self.chance = chance
        self.steps = 0
        self.world = Process("world", "world", Clock(), Random(chance.getrandbits(64)))
        self.process = self.world
        #: The one that runs the loop; all threads have it as their parent.
        self.greenlet = getcurrent()
        #: Processes with something ready that are neither frozen nor dead.
        self._active: list[Process] = []
        self._timers: list[tuple[float, int, Handle, Process]] = []
        self._order = count()
        self._cancelled = 0
        #: Called with (process, context of the error) when a callback fails.
        self.on_error: Callable[[Process, dict[str, Any]], None] | None = None

    # --- scheduling ---

    def time(self) -> float:
        """The running process' monotonic clock."""
        return self.process.clock.monotonic(self.now_s)

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Handle:
        """As in any loop, for the process that the context belongs to."""
        process = self.process if context is None else context.get(PROCESS, self.process)
        handle = Handle(callback, args, self, context)
        self.put(process, handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """As in any loop."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> TimerHandle:
        """As in any loop; `when` by the clock of the running process."""
        process = self.process if context is None else context.get(PROCESS, self.process)
        timer = TimerHandle(when, callback, args, self, context)
        timer._scheduled = True  # type: ignore[attr-defined]  # then its cancellation is counted
        heapq.heappush(self._timers, (process.clock.true(when), next(self._order), timer, process))
        return timer

    def deliver(self, process: Process, true_s: float, callback: Callable[[], object], context: Context) -> None:
        """Call something in a process at a true time."""
        handle = Handle(callback, (), self, context)
        heapq.heappush(self._timers, (true_s, next(self._order), handle, process))

    def put(self, process: Process, handle: Handle) -> None:
        """Make a handle ready."""
        if not process.alive:
            process.memory.append(handle)
            return
        if not process.ready and not process.frozen:
            self._active.append(process)
        process.ready.append(handle)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> SimulatedTask:
        """As in any loop."""
        task = SimulatedTask(coro, loop=self, name=name, context=context)
        task.process = self.process if context is None else context.get(PROCESS, self.process)
        return task

    def create_future(self) -> SimulatedFuture:
        """As in any loop."""
        return SimulatedFuture(loop=self)

    # --- processes ---

    def spawn(self, process: Process, main: Callable[[], Coroutine[Any, Any, Any]]) -> SimulatedTask:
        """Start a process; the task is its main function, which is called in it."""

        async def begin() -> None:
            await main()

        return self.create_task(begin(), name=process.name, context=process.base.copy())

    def kill(self, process: Process) -> None:
        """End a process at once, between two of its steps. No `finally` of it runs."""
        if process in self._active:
            self._active.remove(process)
        for end in list(process.ends):
            end.die()
        process.die([task for task in asyncio.all_tasks(self) if task.process is process])  # type: ignore[attr-defined]

    def freeze(self, process: Process) -> None:
        """Run nothing of a process until it is thawed, as after SIGSTOP."""
        process.frozen = True
        if process in self._active:
            self._active.remove(process)

    def thaw(self, process: Process) -> None:
        """Go on with a frozen process."""
        if process.frozen:
            process.frozen = False
            if process.ready:
                self._active.append(process)

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        """For the running process."""
        self.process.handlers[sig] = lambda: callback(*args)

    def remove_signal_handler(self, sig: int) -> bool:
        """For the running process."""
        return self.process.handlers.pop(sig, None) is not None

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """As in any loop; each process has a default executor of its own."""
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
            handle = process.ready.popleft()
            if not process.ready:
                active[index] = active[-1]
                active.pop()
            if handle._cancelled:  # type: ignore[attr-defined]
                continue
            process.steps += 1
            self.steps += 1
            self.now_s += STEP_S
            self.process = process
            handle._run()  # type: ignore[attr-defined]
            self.process = self.world

    def _expire(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self.now_s:
            _, _, handle, process = heapq.heappop(timers)
            if isinstance(handle, TimerHandle):
                handle._scheduled = False  # type: ignore[attr-defined]
            if handle._cancelled:  # type: ignore[attr-defined]
                self._cancelled -= 1
            else:
                self.put(process, handle)

    def _timer_handle_cancelled(self, _: TimerHandle) -> None:
        self._cancelled += 1
        if self._cancelled > _SWEEP_OVER and self._cancelled * 2 > len(self._timers):
            self._timers[:] = [one for one in self._timers if not one[2]._cancelled]  # type: ignore[attr-defined]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def end(self) -> None:
        """Close it, and leave what still waits as it is."""
        for task in asyncio.all_tasks(self):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        self.close()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Report an error that no task caught, with its process."""
        if self.on_error:
            self.on_error(self.process, context)
        else:
            super().call_exception_handler(context)
