"""Flights: lets callers that want the same answer at the same time share one call.

No caller gets an answer that was read before it asked: callers that arrive while a call is under way wait for the next
call, which begins when the current one ends and serves all of them. So a reader still sees every write that had ended
when its read began, and a store has at most one call per key in flight, however many callers there are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")


class _Flight(Generic[T]):
    """A call in flight, and the call that follows it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.next: tuple[_Flight[T], asyncio.Task[T]] | None = None


class Flights(Generic[T]):
    """Shares calls by key: `await flights.share(key, call, patience_s)`."""

    def __init__(self) -> None:
        self._flying: dict[str, _Flight[T]] = {}

    async def share(self, key: str, call: Callable[[], Awaitable[T]], patience_s: float) -> T:
        """Return what `call()` returns. This caller makes the call, or shares it with others that ask at the same time.
        Raises what `call()` raises, or TimeoutError if a shared call takes longer than `patience_s` seconds."""
        flying = self._flying.get(key)
        if flying is None:
            return await self._fly(key, _Flight(), call)
        if flying.next is None:
            following: _Flight[T] = _Flight()
            # A separate task in an empty context: the request that starts it may have less time than the others.
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
    """Mark a task's error as retrieved: every caller may have left before the task failed."""
    if not task.cancelled():
        task.exception()
