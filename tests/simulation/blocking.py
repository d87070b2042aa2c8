"""Blocking: how code in a thread waits. A thread is a greenlet here. It yields to the loop, and continues at a virtual
time or on a signal. Code outside such a thread never waits."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from tests.simulation.loop import SimulatedLoop


class Thread(greenlet):
    """A simulated thread of the running process."""

    def __init__(self, loop: "SimulatedLoop", run: Callable[[], object]) -> None:
        super().__init__(run, loop.greenlet)
        self.loop = loop
        self._process = process = loop.process
        self.gr_context = process.base.copy()
        #: The context of the step that resumes the thread.
        self._context = process.base.copy()
        process.threads.add(self)

    def begin(self) -> None:
        """Start the thread as soon as its process runs."""
        self.wake()

    def wait(self) -> None:
        """Yield until `wake` is called."""
        self.loop.greenlet.switch()

    def wait_for(self, seconds: float) -> None:
        """Yield for some seconds."""
        loop = self.loop
        loop.deliver(self._process, loop.now_s + seconds / self._process.clock.rate, self._resume, self._context)
        loop.greenlet.switch()

    def wake(self) -> None:
        """Resume the thread."""
        self.loop.call_soon(self._resume, context=self._context)

    def wake_after(self, seconds: float) -> Any:
        """Resume the thread at a later time, and return the timer."""
        return self.loop.call_later(seconds, self._resume, context=self._context)

    def _resume(self) -> None:
        self.switch()
        if self.dead:
            self._process.threads.discard(self)


class Signal:
    """An event that threads wait for. Once set, it stays set."""

    def __init__(self) -> None:
        self._waiting: list[Thread] = []
        self.is_set = False

    def set(self) -> None:
        """Set it, and wake all threads that wait for it."""
        self.is_set = True
        waiting, self._waiting = self._waiting, []
        for thread in waiting:
            thread.wake()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait, and return whether it was set in time. Outside a simulated thread nothing can set it meanwhile, so it
        returns at once."""
        thread = getcurrent()
        if self.is_set or not isinstance(thread, Thread):
            return self.is_set
        self._waiting.append(thread)
        timer = None if timeout_s is None else thread.wake_after(timeout_s)
        thread.wait()
        if timer is not None:
            timer.cancel()
        if not self.is_set:
            self._waiting.remove(thread)
        return self.is_set


def block(seconds: float) -> None:
    """Sleep, as a driver does in its thread."""
    thread = getcurrent()
    if isinstance(thread, Thread):
        thread.wait_for(seconds)


def block_on(signal: Signal, timeout_s: float | None = None) -> bool:
    """Wait for a signal, and return whether it was set in time."""
    return signal.wait(timeout_s)
