"""Database: the store's blocking calls in a bounded pool of their own, so that a hung database takes no other work
with it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

from shared.errors import DatabaseUnavailable
from shared.faults import Fault
from shared.store.engine import Engine

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """`await database.call(reads.user, user_id)`."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="database")

    async def call(self, read: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises DatabaseUnavailable when the database does not answer."""
        try:
            return await self.run(read, *args, **kwargs)
        except Fault as fault:
            raise DatabaseUnavailable() from fault

    async def run(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Raises the store's faults as they are."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: work(self._engine, *args, **kwargs))

    def close(self) -> None:
        """Drop what waits; the driver's own time limit ends what runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
