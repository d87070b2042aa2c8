"""The faults of a load test, and a stand-in third party that is at capacity."""

import asyncio

import pytest

from deploy.load.faults import chosen
from deploy.third_party.party import Room


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    """An unknown fault, or none at all, is refused with the list of known faults."""
    assert [fault.name for fault in chosen("queue-killed, database-frozen")] == ["queue-killed", "database-frozen"]
    for text in ("database-gone", ""):
        with pytest.raises(ValueError, match=r"FAULTS=.* there are database-stopped"):
            chosen(text)


async def test_a_third_party_that_is_full_works_on_for_those_who_have_left() -> None:
    """A request that was given up keeps its place at a full third party until its work is done, and the next request
    waits for both."""
    room = Room(1)
    order: list[str] = []

    async def work(name: str) -> None:
        await room.work(0.05)
        order.append(name)

    gone = asyncio.ensure_future(work("gone"))
    await asyncio.sleep(0)
    patient = asyncio.ensure_future(work("patient"))
    await asyncio.sleep(0)
    gone.cancel()
    began = asyncio.get_running_loop().time()
    await patient
    assert order == ["patient"]
    assert asyncio.get_running_loop().time() - began > 0.08
    await asyncio.gather(*(Room(None).work(0.01) for _ in range(1000)))  # a room without a limit: all at once
