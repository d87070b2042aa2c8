"""Flights: many callers who want the same answer at the same time share one look for it.

Nobody is given what was looked up before they asked: who comes while a look is under way waits for the next one, which
begins when that is over and serves all who came meanwhile. So a reader still sees every write that was over when it
began to read, and a key costs its store one call at a time, however many ask.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """A look under way, and the one that comes after it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.next: tuple[_Flight[T], asyncio.Task[T]] | None = None


class Flights(Generic[T]):
    """`await flights.share(key, call, patience_s)`."""

    def __init__(self) -> None:
        self._flying: dict[str, _Flight[T]] = {}

    async def share(self, key: str, call: Callable[[], Awaitable[T]], patience_s: float) -> T:
        """What `call()` gives or raises, called by us or by another who asked at the same time. Raises TimeoutError
        when a shared one takes longer than `patience_s`."""
        flying = self._flying.get(key)
        if flying is None:
            return await self._fly(key, _Flight(), call)
        if flying.next is None:
            following: _Flight[T] = _Flight()
            # A task of its own, in an empty context: the request that begins it may have less time than the others.
            task = asyncio.get_running_loop().create_task(self._after(flying, key, following, call), context=Context())
            task.add_done_callback(looked_at)
            flying.next = (following, task)
        async with asyncio.timeout(patience_s):
            return await asyncio.shield(flying.next[1])

    async def _after(self, before: _Flight[T], key: str, flight: _Flight[T], call: Callable[[], Awaitable[T]]) -> T:
        await before.over.wait()
        return await self._fly(key, flight, call)

    async def _fly(self, key: str, flight: _Flight[T], call: Callable[[], Awaitable[T]]) -> T:
        self._flying[key] = flight
        try:
            return await call()
        finally:
            if flight.next is None:
                del self._flying[key]
            else:
                self._flying[key] = flight.next[0]
                flight.over.set()


def looked_at(task: "asyncio.Task[object]") -> None:
    """Everybody may have gone before it failed."""
    if not task.cancelled():
        task.exception()
