"""Plausible: entries whose ids could have been given by the queue. One that was put there by hand, with an id far in
the future, is given another at the end of the stream, and comes again from there."""

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
    """Of the write stream. Asks Redis only when an id is far ahead of this process's own clock, which may be wrong."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, LUA / "mend.lua")

    async def of(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of `entries` that are still on the stream under their ids. Raises NotSent, RedisError, OSError."""
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
