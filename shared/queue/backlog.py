"""Backlog: how much is on the write stream, and for how long."""

import time
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared import versions
from shared.queue.names import WRITES


class StreamBacklog(NamedTuple):
    """What is on the stream is not over."""

    depth: int
    oldest_age_s: float
    #: Entries that ever left it.
    drained: int


async def backlog(redis: Redis) -> StreamBacklog:
    """As Redis sees it now."""
    try:
        info = await redis.xinfo_stream(WRITES)
    except ResponseError:  # there is no stream before the first write
        return StreamBacklog(0, 0.0, 0)
    first = info["first-entry"]
    accepted = versions.from_stream_id(first[0].decode()) / 1_000_000 if first else time.time()
    age_s = max(0.0, time.time() - accepted)
    return StreamBacklog(info["length"], age_s, info["entries-added"] - info["length"])
