"""Orphans: entries that the consumer group has passed but that are in no pending list. They are delivered again,
because the stream is the truth of what must be done, and a pending list is only a convenience."""

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.connections.script import Script
from holdfast.shared.queue.names import LUA
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_PAGE = 500


class Orphans:
    """Adopts the orphans of one stream and group. `label` names the stream in the metric."""

    def __init__(self, redis: Redis, stream: str, group: str, label: str) -> None:
        self._script = Script(redis, LUA / "orphans.lua")
        self._stream = stream
        self._group = group
        self._adopted = metrics.orphans.labels(label)

    async def adopt(self, consumer: str, idle_ms: int) -> int:
        """Make every orphan pending for `consumer`, idle for `idle_ms` milliseconds. Return how many there were.

        Only delivered entries that are not settled are looked at, so the cost follows the entries in flight. Raises
        NotSent, RedisError, OSError.
        """
        after, count = "0-0", 0
        while after:
            found, adopted = await self._script([self._stream], [self._group, consumer, idle_ms, after, _PAGE])
            after = text(found)
            if adopted:
                count += len(adopted)
                self._adopted.inc(len(adopted))
                logs.error(Action.ORPHANS_ADOPTED, stream=self._stream, entries=len(adopted), first=text(adopted[0]))
        return count
