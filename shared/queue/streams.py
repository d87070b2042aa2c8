"""Streams: how many entries are on each stream, since when, and whether unread entries were removed."""

from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import DLQ_GROUP, LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.writes import versions

#: Most delivered entries that one look counts. More are never in flight at a time, and the look still stays short.
_DELIVERED_MAX = 20_000


class StreamSeen(NamedTuple):
    """A stream at one moment. Settled entries are deleted, so `entries` counts exactly those that are not over."""

    entries: int
    #: Entries that are delivered and not settled.
    pending: int
    #: When the oldest entry was added, in Unix time; None if the stream is empty.
    oldest_s: float | None
    #: Entries that were removed unread; None if Redis cannot tell at the moment.
    trimmed_unread: int | None


class Streams:
    """Looks at the streams of the queue, in one round trip per stream, whatever their length."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, LUA / "streams.lua")

    async def look(self, partition: Partition = QUEUE) -> dict[str, StreamSeen]:
        """Return a partition's `writes` and `dead_letters` streams as of now. Raises NotSent, RedisError, OSError."""
        return {
            "writes": await self._one(partition.writes, WRITERS_GROUP),
            "dead_letters": await self._one(partition.dead, DLQ_GROUP),
        }

    async def _one(self, stream: str, group: str) -> StreamSeen:
        length, added, oldest, pending, read, there = await self._script([stream], [group, _DELIVERED_MAX])
        oldest_s = versions.from_stream_id(text(oldest)) / 1_000_000 if oldest else None
        return StreamSeen(length, pending, oldest_s, trimmed_unread(added - length, pending, read, there))


def together(parts: Sequence[StreamSeen]) -> StreamSeen:
    """Return the sum of the same stream over several partitions."""
    unread = [part.trimmed_unread for part in parts]
    return StreamSeen(
        entries=sum(part.entries for part in parts),
        pending=sum(part.pending for part in parts),
        oldest_s=min((part.oldest_s for part in parts if part.oldest_s is not None), default=None),
        trimmed_unread=None if None in unread else sum(filter(None, unread)),
    )


def trimmed_unread(gone: int, pending: int, read: int, there: int) -> int | None:
    """Return exactly how many of the removed entries (`gone`) were never read, or None if that is unknown.

    `read`: entries ever read; `there`: read entries that are still on the stream; -1 means unknown for both. Redis' own
    `lag` is nil or wrong once entries have been deleted. This count is right because entries are acknowledged and
    deleted in one step.
    """
    if read < 0:
        return None if gone else 0
    if there < 0:
        return 0  # every removed entry had been read, even if all pending entries are still on the stream
    return max(0, gone - (read - min(there, pending)))
