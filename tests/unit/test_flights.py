"""Flights: one lookup at a time for each key, and no caller gets a result from before its request."""

import asyncio

import pytest

from holdfast.services.api.flights import Flights


class Store:
    """Counts what is going on; each look gives the number of changes that were over when it began."""

    def __init__(self) -> None:
        self.changes = 0
        self.looks = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()

    async def look(self) -> int:
        """One look, as long as the gate is shut."""
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        seen = self.changes
        await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        return seen


async def test_a_hundred_callers_cost_two_looks_and_see_every_change() -> None:
    """The first has its own; all who come meanwhile share the next, which sees what changed before they asked."""
    store, flights = Store(), Flights[int]()
    first = asyncio.create_task(flights.share("k", store.look, 5))
    await asyncio.sleep(0)
    store.changes += 1
    rest = [asyncio.create_task(flights.share("k", store.look, 5)) for _ in range(100)]
    await asyncio.sleep(0)
    store.gate.set()
    assert await first == 0
    assert await asyncio.gather(*rest) == [1] * 100
    assert (store.looks, store.most_at_once) == (2, 1)
    assert await flights.share("k", store.look, 5) == 1


async def test_a_caller_who_leaves_takes_nobody_along() -> None:
    """Neither those who wait for the next look nor the key."""
    store, flights = Store(), Flights[int]()
    first = asyncio.create_task(flights.share("k", store.look, 5))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(flights.share("k", store.look, 5))
    staying = asyncio.create_task(flights.share("k", store.look, 5))
    await asyncio.sleep(0)
    first.cancel()
    leaving.cancel()
    store.gate.set()
    assert await staying == 0
    assert await flights.share("k", store.look, 5) == 0


async def test_waiting_for_others_has_an_end() -> None:
    """TimeoutError, though the look of the others goes on."""
    store, flights = Store(), Flights[int]()
    first = asyncio.create_task(flights.share("k", store.look, 5))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await flights.share("k", store.look, 0.01)
    store.gate.set()
    await first


async def test_a_failure_is_everybodys_who_waited_for_it_and_nobody_elses() -> None:
    """The one after it looks again."""
    flights = Flights[int]()
    gate = asyncio.Event()

    async def fail() -> int:
        await gate.wait()
        raise ValueError

    async def succeed() -> int:
        return 1

    calls = [asyncio.create_task(flights.share("k", fail, 5)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    assert all(isinstance(each, ValueError) for each in await asyncio.gather(*calls, return_exceptions=True))
    assert await flights.share("k", succeed, 5) == 1
