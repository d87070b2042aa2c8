"""Database: the store's blocking calls in a bounded pool of their own, so that a hung database takes no other work
with it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from typing import Concatenate, ParamSpec, TypeVar

from shared.breaker.breaker import Breaker
from shared.breaker.refused import CallRefused
from shared.errors import CircuitOpen, DatabaseUnavailable
from shared.faults import Fault
from shared.store.engine import Engine

#: Word for word what clients of the API look for.
_AWAY = "Database service temporarily unavailable"

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """`await database.call(reads.user, user_id)`."""

    def __init__(self, engine: Engine, threads: int, breaker: Breaker, deadline_s: float) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")
        self._breaker = breaker
        self._deadline_s = deadline_s

    async def call(self, read: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A read, given up after the deadline: its thread is free when the driver's own limits have passed.

        Raises CircuitOpen at once while the database is known to be away, else DatabaseUnavailable.
        """
        try:
            return await self._breaker.call_async(self._in_time, lambda: read(self._engine, *args, **kwargs))
        except CallRefused as refused:
            raise CircuitOpen(_AWAY, retry_after_s=ceil(refused.retry_after_s)) from refused
        except (Fault, TimeoutError) as fault:
            raise DatabaseUnavailable() from fault

    async def run(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A write, which is never given up halfway. Raises the store's faults as they are."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(self._engine, *args, **kwargs))

    async def _in_time(self, work: Callable[[], T]) -> T:
        async with asyncio.timeout(self._deadline_s):
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Drop what waits; the driver's own time limit ends what runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
