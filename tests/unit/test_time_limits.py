"""Time limits: one timer for many limits, each as exact and as harmless as with a timer of its own."""

import asyncio

import pytest

from holdfast.shared.resilience.time_limits import TimeLimits

_PATIENCE_S = 60.0


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.15])
async def test_what_takes_longer_is_ended(seconds: float) -> None:
    """Work that takes longer than its limit ends with TimeoutError: at once, within the current part of the time, or in
    a later part."""
    with pytest.raises(TimeoutError), TimeLimits().within(seconds) as limit:
        await asyncio.sleep(_PATIENCE_S)
    assert limit.expired
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test is a task


async def test_what_ends_in_time_leaves_nothing_behind() -> None:
    """Work that ends in time is not cancelled later, and its limit is not kept."""
    limits = TimeLimits()
    ended = [limits.within(0.12) for _ in range(3)]
    for each in ended:
        with each:
            await asyncio.sleep(0)
    with pytest.raises(TimeoutError), limits.within(0.25):
        await asyncio.sleep(_PATIENCE_S)
    assert not any(each.expired for each in ended)
    assert not any(limits._parts.values())


async def test_a_moved_limit_ends_at_its_new_time() -> None:
    """A limit that is moved ends at its new time: with a later time the work completes, and with an earlier time it is
    ended."""
    with TimeLimits().within(0.05) as later:
        later.move(_PATIENCE_S)
        with pytest.raises(TimeoutError), TimeLimits().within(0.2):
            await asyncio.sleep(_PATIENCE_S)
    with TimeLimits().within(_PATIENCE_S) as earlier:
        earlier.move(0.0)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.sleep(_PATIENCE_S)
        assert earlier.expired


async def test_a_cancellation_from_outside_is_none_of_its_own() -> None:
    """A cancellation from outside passes through a limit, even if the limit ends at the same time."""

    async def work() -> None:
        with TimeLimits().within(0.0):
            await asyncio.sleep(_PATIENCE_S)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
