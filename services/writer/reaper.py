"""Reaper: removes consumers that are long gone, so that their names do not pile up with every restart."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.shared.connections.redis import text
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_ABANDONED_MS = 3_600_000
_EVERY_S = 600

# DELCONSUMER destroys pending entries, so the check and the removal are one atomic step.
_REMOVE_IF_EMPTY = """
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local about = {}
  for i = 1, #consumer, 2 do about[consumer[i]] = consumer[i + 1] end
  if about.name == ARGV[2] and about.pending == 0 and about.idle > tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
    return 1
  end
end
return 0
"""


async def reap(redis: Redis, stream: str, abandoned_ms: int = _ABANDONED_MS) -> list[str]:
    """Remove the consumers that hold nothing and were idle for `abandoned_ms`. Return their names."""
    try:
        consumers = await redis.xinfo_consumers(stream, WRITERS_GROUP)
    except ResponseError:
        return []  # no stream or group yet
    removed = []
    for consumer in consumers:
        name = text(consumer["name"])
        abandoned = consumer["pending"] == 0 and consumer["idle"] > abandoned_ms
        if abandoned and await redis.eval(_REMOVE_IF_EMPTY, 1, stream, WRITERS_GROUP, name, abandoned_ms):
            removed.append(name)
            logs.info(Action.CONSUMER_REMOVED, consumer=name)
    return removed


async def reaping(redis: Redis, partitions: Partitions) -> None:
    """Reap the consumers of every partition, every ten minutes, until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        for partition in partitions:
            await reap(redis, partition.writes)
        iteration_succeeded()
