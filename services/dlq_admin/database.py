"""Database: the store's blocking calls in threads of their own; what it raises becomes what a caller is told."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from shared import deadline
from shared.errors import DatabaseUnavailable, DeadlineExceeded, OutcomeUnknown
from shared.faults import Contention, Fault
from shared.retry import again_on
from shared.store.engine import Engine

_TRIES = 6

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """`await database.read(groups.page, ...)`. Background work has threads that no question can take."""

    def __init__(self, engine: Engine, *, threads: int, background: int) -> None:
        self.engine = engine
        self._questions = ThreadPoolExecutor(threads, thread_name_prefix="database")
        self._background = ThreadPoolExecutor(background, thread_name_prefix="background")

    async def read(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises DatabaseUnavailable, or DeadlineExceeded when the time is over."""
        left = deadline.remaining_s()
        try:
            async with asyncio.timeout(None if left == float("inf") else left):
                return await self._in(self._questions, lambda: work(self.engine, *args, **kwargs))
        except TimeoutError:
            raise DeadlineExceeded() from None
        except Fault as fault:
            raise DatabaseUnavailable() from fault

    async def change(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One transaction, again when it meets another one. Raises OutcomeUnknown when nobody can tell whether it
        happened."""
        call = lambda: self._in(self._questions, lambda: work(self.engine, *args, **kwargs))  # noqa: E731 - twice lazy
        try:
            return await again_on(Contention, call, base_s=0.02, cap_s=0.5, attempts=_TRIES)
        except Contention as fault:
            raise DatabaseUnavailable("The dead letters are being changed by others; nothing was done.") from fault
        except Fault as fault:
            raise OutcomeUnknown() from fault

    async def work(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Background work. Raises the store's faults as they are."""
        return await self._in(self._background, lambda: work(self.engine, *args, **kwargs))

    async def _in(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool, work)

    def close(self) -> None:
        """Drop what waits; the driver's own time limit ends what runs."""
        self._questions.shutdown(wait=False, cancel_futures=True)
        self._background.shutdown(wait=False, cancel_futures=True)
        self.engine.dispose()
