"""The keeper of the reader: what it watches, and that it yields to other tasks."""

import asyncio
from contextlib import suppress
from typing import Any, Literal

from holdfast.shared.queue.reading import Reading
from holdfast.shared.queue.watch import Watch


class _Counted(asyncio.Event):
    """An event that fails the test if a task waits for it over and over, instead of hanging the test."""

    times = 0

    async def wait(self) -> Literal[True]:
        """Wait as usual. Raises AssertionError at the hundredth call."""
        self.times += 1
        assert self.times < 100, "it never yields"
        return await super().wait()


async def test_a_connection_that_is_lost_while_it_stops_hangs_nothing() -> None:
    """If a connection is lost while the reader stops, the loop that watches continues and yields to other tasks."""
    watch = Watch(lambda: False, 10.0)
    watch.lost = _Counted()
    nothing: Any = None
    reading = Reading(nothing, nothing, watch, probe_cap_s=0.1)
    watching = asyncio.create_task(reading.watching())
    reading.stop()
    watch.failed(ConnectionError())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not watching.done()
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
