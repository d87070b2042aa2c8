"""Flights: one lookup at a time for each key, and no caller gets a result from before its request."""

import asyncio

import pytest

from holdfast.services.api.flights import Flights


class Store:
    """A store that counts its lookups. Each lookup returns the number of changes that were complete when it began."""

    def __init__(self) -> None:
        self.changes = 0
        self.looks = 0
        self.at_once = 0
        self.most_at_once = 0
        self.gate = asyncio.Event()

    async def look(self) -> int:
        """Wait until the gate is open, and return the number of changes at the start."""
        self.looks += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        seen = self.changes
        await self.gate.wait()
        await asyncio.sleep(0)
        self.at_once -= 1
        return seen


async def test_a_hundred_callers_cost_two_looks_and_see_every_change() -> None:
    """The first caller has a lookup of its own; all callers that arrive meanwhile share the next lookup, which sees
    every change made before they asked."""
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
    """A caller that is cancelled affects neither the callers that wait for the next lookup nor later lookups of the
    key."""
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
    """A caller that waits too long for a lookup of other callers gets TimeoutError, and that lookup continues."""
    store, flights = Store(), Flights[int]()
    first = asyncio.create_task(flights.share("k", store.look, 5))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await flights.share("k", store.look, 0.01)
    store.gate.set()
    await first


async def test_a_failure_is_everybodys_who_waited_for_it_and_nobody_elses() -> None:
    """A failed lookup fails for every caller that waited for it, and the next caller starts a new lookup."""
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
