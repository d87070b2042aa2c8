"""Hedge: answers a read that takes long from a young copy, if there is one, before the time of the read is over.

The first reads of a database that has just begun to hang would otherwise take their whole time, because no breaker is
open yet. The read itself goes on: the breaker learns how it ends, and a late row renews the copy.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

from holdfast.services.api.flights import looked_at
from holdfast.shared.errors import DatabaseSlow

T = TypeVar("T")
C = TypeVar("C")


class Hedge(NamedTuple):
    """The seconds after which a read takes long, and a function that then returns a young copy, or None."""

    after_s: float
    young_copy: Callable[[], Awaitable[Any]]


async def hedged(read: Coroutine[Any, Any, T], after_s: float, young_copy: Callable[[], Awaitable[C | None]]) -> T:
    """Return what `read` returns. Raises what `read` raises, or DatabaseSlow with the young copy if `read` takes longer
    than `after_s` seconds and there is a copy."""
    reading = asyncio.get_running_loop().create_task(read)
    try:
        await asyncio.wait((reading,), timeout=after_s)
        copy = None if reading.done() else await young_copy()
        if copy is None or reading.done():
            return await reading
    except asyncio.CancelledError:
        reading.cancel()
        raise
    reading.add_done_callback(looked_at)
    raise DatabaseSlow.answered_by(copy)
