"""Virtual time: an event loop whose clock jumps to the next scheduled callback."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Leap(selectors.SelectSelector):
    """A selector that does not wait, and advances the clock by the time that it would have waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        """Return what is ready now, and advance the clock by `timeout`."""
        if timeout:
            self.now_s += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose `time()` begins at 0 and advances only while all tasks wait."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._leap.now_s


def run(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `asyncio.run(main())` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def now_s() -> float:
    """Return the time of the running loop, in seconds."""
    return asyncio.get_running_loop().time()
