"""Plausible: which entries have an id that the queue itself could have given out. An entry that was added by hand with
an id far in the future is moved to the end of the stream under a new id, and is read again from there."""

from collections.abc import Sequence

from redis.asyncio import Redis

from holdfast.shared.connections.script import Script
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import mended
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions


class Plausible:
    """Filters entries of the write stream. Asks Redis only if an id is far ahead of this process's own clock, because
    that clock may be wrong."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, LUA / "mend.lua")

    async def of(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Return the entries that are still on the stream under their ids. Raises NotSent, RedisError, OSError."""
        limit = versions.wall_clock() + versions.HORIZON_US
        if all(versions.from_stream_id(entry.id) <= limit for entry in entries):
            return entries
        limits = {}
        for partition in {entry.partition for entry in entries}:
            keys = [partition.writes, partition.clock, mended(partition.writes)]
            limits[partition], moved = map(int, await self._script(keys, [partition.prefix]))
            if moved:
                logs.warning(Action.STREAM_MENDED, entries=moved)
        return [entry for entry in entries if versions.from_stream_id(entry.id) <= limits[entry.partition]]
