"""Threads: executors and locks for simulated threads.

A thread pool keeps its limit of workers, each of which is a greenlet. A thread that finds a lock taken yields. The loop
itself never waits for a lock, as the real one must not.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from tests.simulation.blocking import Signal, Thread

if TYPE_CHECKING:
    from tests.simulation.loop import SimulatedLoop

_Work = tuple["Future[Any]", Callable[[], Any]]


def submit_in(loop: "SimulatedLoop") -> Callable[..., Future[Any]]:
    """Return `ThreadPoolExecutor.submit` for this loop."""

    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        queue: deque[_Work] = self.__dict__.setdefault("_simulated_queue", deque())
        queue.append((future, lambda: fn(*args, **kwargs)))
        if self.__dict__.setdefault("_simulated_busy", 0) < self._max_workers:
            self._simulated_busy += 1
            Thread(loop, lambda: _work(self, queue)).begin()
        return future

    return submit


def shutdown(self: Any, wait: bool = True, *, cancel_futures: bool = False) -> None:
    """Shut the executor down. It never waits here."""
    self._shutdown = True
    if cancel_futures:
        for future, _ in self.__dict__.pop("_simulated_queue", ()):
            future.cancel()


def _work(executor: ThreadPoolExecutor, queue: deque[_Work]) -> None:
    while queue:
        future, run = queue.popleft()
        if not future.set_running_or_notify_cancel():
            continue
        try:
            result = run()
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the future's
            future.set_exception(error)
        else:
            future.set_result(result)
    executor._simulated_busy -= 1  # type: ignore[attr-defined]


class Lock:
    """`threading.Lock`, or `RLock`, between simulated threads."""

    def __init__(self) -> None:
        self._owner: object = None
        self._depth = 0
        self._freed = Signal()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock. A thread waits for it, within the timeout."""
        me = getcurrent()
        while self._owner is not None and self._owner is not me:
            if not blocking:
                return False
            if not isinstance(me, Thread):
                raise RuntimeError("the event loop would wait for a lock that a thread holds")
            if not self._freed.wait(None if timeout < 0 else timeout) and timeout >= 0:
                return False
        self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
            freed, self._freed = self._freed, Signal()
            freed.set()

    def locked(self) -> bool:
        """Return whether the lock is taken."""
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class Condition:
    """`threading.Condition` between simulated threads."""

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock or Lock()
        self._waiting: deque[Signal] = deque()
        self.acquire, self.release = self._lock.acquire, self._lock.release

    def wait(self, timeout: float | None = None) -> bool:
        """Release the lock, wait, and take the lock again. Return whether the condition was notified."""
        signal = Signal()
        self._waiting.append(signal)
        self._lock.release()
        try:
            return signal.wait(timeout)
        finally:
            if not signal.is_set:
                self._waiting.remove(signal)
            self._lock.acquire()

    def notify(self, n: int = 1) -> None:
        """Wake up to `n` waiting threads."""
        for _ in range(min(n, len(self._waiting))):
            self._waiting.popleft().set()

    def notify_all(self) -> None:
        """Wake all waiting threads."""
        self.notify(len(self._waiting))

    def __enter__(self) -> bool:
        return self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


#: Replaces the module `threading` where locks are held while a driver waits.
THREADING = SimpleNamespace(Lock=Lock, RLock=Lock, Condition=Condition)
