"""Streams: how much is on them, since when, and whether unread entries were removed."""

from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import DLQ_GROUP, LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.writes import versions

#: More than are delivered and not settled at any time; the look stays short all the same.
_DELIVERED_MAX = 20_000


class StreamSeen(NamedTuple):
    """A stream at one moment. What is settled is deleted: `entries` are all that are not over."""

    entries: int
    #: Delivered, and not settled.
    pending: int
    #: When the oldest entry was put there, Unix time; None: there is none.
    oldest_s: float | None
    #: Entries that were removed unread; None: Redis cannot tell at the moment.
    trimmed_unread: int | None


class Streams:
    """`look` takes one round trip a stream, whatever is on them."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, LUA / "streams.lua")

    async def look(self, partition: Partition = QUEUE) -> dict[str, StreamSeen]:
        """`writes` and `dead_letters` of a partition, as seen now. Raises NotSent, RedisError, OSError."""
        return {
            "writes": await self._one(partition.writes, WRITERS_GROUP),
            "dead_letters": await self._one(partition.dead, DLQ_GROUP),
        }

    async def _one(self, stream: str, group: str) -> StreamSeen:
        length, added, oldest, pending, read, there = await self._script([stream], [group, _DELIVERED_MAX])
        oldest_s = versions.from_stream_id(text(oldest)) / 1_000_000 if oldest else None
        return StreamSeen(length, pending, oldest_s, trimmed_unread(added - length, pending, read, there))


def together(parts: Sequence[StreamSeen]) -> StreamSeen:
    """The same stream of several partitions as one."""
    unread = [part.trimmed_unread for part in parts]
    return StreamSeen(
        entries=sum(part.entries for part in parts),
        pending=sum(part.pending for part in parts),
        oldest_s=min((part.oldest_s for part in parts if part.oldest_s is not None), default=None),
        trimmed_unread=None if None in unread else sum(filter(None, unread)),
    )


def trimmed_unread(gone: int, pending: int, read: int, there: int) -> int | None:
    """Entries that left unread, exactly: of all that are gone, those that were not read first. `read` counts what was
    ever read, `there` what of that is still on the stream; for both -1 is: not known.

    Redis' own `lag` is nil, or wrong, once entries were deleted; this holds as entries are acknowledged and deleted in
    one step.
    """
    if read < 0:
        return None if gone else 0
    if there < 0:
        return 0  # all that is gone was read, even if everything pending is still there
    return max(0, gone - (read - min(there, pending)))
