"""Plausible: entries whose ids could have been given by the queue. One that was put there by hand, with an id far in
the future, is given another at the end of the stream, and comes again from there."""

from collections.abc import Sequence

from redis.asyncio import Redis

from shared import logs, versions
from shared.logs import Action
from shared.queue.entry import Entry
from shared.queue.names import CLOCK, WRITES
from shared.queue.script import Script


class Plausible:
    """Of the write stream. Asks Redis only when an id is far ahead of this process's own clock, which may be wrong."""

    def __init__(self, redis: Redis) -> None:
        self._script = Script(redis, "mend")

    async def of(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """Those of `entries` that are still on the stream under their ids. Raises NotSent, RedisError, OSError."""
        limit = versions.wall_clock() + versions.HORIZON_US
        if all(versions.from_stream_id(entry.id) <= limit for entry in entries):
            return entries
        limit, moved = map(int, await self._script([WRITES, CLOCK], []))
        if moved:
            logs.warning(Action.STREAM_MENDED, entries=moved)
        return [entry for entry in entries if versions.from_stream_id(entry.id) <= limit]
