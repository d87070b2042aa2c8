"""A read that takes long is answered from the copy; the read continues, and its result is used."""

import asyncio
from typing import NamedTuple

import pytest

from holdfast.services.api.hedge import hedged
from holdfast.shared.errors import DatabaseSlow

_AT_ONCE, _NEVER = 0.0, 3600.0


class Read(NamedTuple):
    """A read that ends when `let_go` is set, and records how it ended."""

    let_go: asyncio.Event
    ended: list[str]

    async def run(self) -> str:
        """Wait for `let_go`, and return the row."""
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        self.ended.append("ended")
        return "row"


@pytest.fixture
async def read() -> Read:
    """A read that hangs."""
    return Read(asyncio.Event(), [])


async def a_copy() -> str | None:
    """Return a copy."""
    return "copy"


async def no_copy() -> str | None:
    """Return None, because there is no copy."""
    return None


async def test_a_read_in_time_needs_no_copy(read: Read) -> None:
    """A read that ends in time does not cause a lookup of the copy."""

    async def unwanted() -> str | None:
        raise AssertionError

    read.let_go.set()
    assert await hedged(read.run(), _NEVER, unwanted) == "row"


async def test_a_hung_read_is_answered_from_the_copy_and_goes_on(read: Read) -> None:
    """A hung read is answered from the copy and continues, so that the breaker learns from its end."""
    with pytest.raises(DatabaseSlow) as slow:
        await hedged(read.run(), _AT_ONCE, a_copy)
    assert (slow.value.copy, slow.value.code, slow.value.retryable) == ("copy", "DATABASE_SLOW", True)
    assert read.ended == []
    read.let_go.set()
    async with asyncio.timeout(60):
        while not read.ended:
            await asyncio.sleep(0)
    assert read.ended == ["ended"]


async def test_without_a_copy_it_is_waited_for(read: Read) -> None:
    """A slow read without a copy is awaited until its own timeout."""

    async def none_and_the_row_comes() -> str | None:
        read.let_go.set()
        return None

    assert await hedged(read.run(), _AT_ONCE, none_and_the_row_comes) == "row"


async def test_a_row_that_comes_while_the_copy_is_looked_for_is_better(read: Read) -> None:
    """A row that arrives while the copy is looked up is returned instead of the copy, because the row is current."""

    async def late() -> str | None:
        read.let_go.set()
        while not read.ended:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        return "copy"

    assert await hedged(read.run(), _AT_ONCE, late) == "row"


async def test_a_failure_after_the_answer_disturbs_nobody() -> None:
    """A read that fails after the answer was given raises nothing; the breaker has counted the failure."""
    answered, failed = asyncio.Event(), asyncio.Event()

    async def failing() -> str:
        await answered.wait()
        failed.set()
        raise ConnectionError

    with pytest.raises(DatabaseSlow):
        await hedged(failing(), _AT_ONCE, a_copy)
    answered.set()
    async with asyncio.timeout(60):
        await failed.wait()


async def test_a_client_that_leaves_takes_its_read_along(read: Read) -> None:
    """A client that disconnects cancels its read, as it does without a hedge."""
    waiting = asyncio.create_task(hedged(read.run(), _NEVER, no_copy))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with asyncio.timeout(60):
        while not read.ended:
            await asyncio.sleep(0)
    assert read.ended == ["cancelled"]
