"""Presence: which writers run, and which build of each, so that an operator can tell whether a fix has arrived."""

import asyncio
import re
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import text
from holdfast.shared.queue.names import WRITERS
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.build import build_id
from holdfast.shared.runtime.time_budgets import PRESENCE_EVERY_S, PRESENCE_GONE_S

_REPORT = re.compile(r"([0-9]{1,12}) (.{1,200})", re.DOTALL)

# By Redis' clock: no two machines' clocks are compared. Who is long gone is forgotten on the way.
_SAY = """
local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if now - tonumber(string.match(all[i + 1], '^%d+') or '0') > 3600 then redis.call('HDEL', KEYS[1], all[i]) end
end
return now
"""


class Presence:
    """One writer's word that it is here."""

    def __init__(self, redis: Redis, instance: str) -> None:
        self._redis = redis
        self._instance = instance
        self._reporter = FailureReporter("presence")

    async def run(self) -> None:
        """For ever."""
        while True:
            with self._reporter.suppressing(RedisError, OSError):
                await self._redis.eval(_SAY, 1, WRITERS, self._instance, build_id())
            await asyncio.sleep(PRESENCE_EVERY_S)


async def running_builds(redis: Redis) -> dict[str, str]:
    """Writer -> its build, of those that reported lately."""
    seconds, _ = await redis.time()
    found = await redis.hgetall(WRITERS)
    return _lately({text(name): text(report) for name, report in found.items()}, seconds)


def _lately(reports: Mapping[str, str], now_s: int) -> dict[str, str]:
    running = {}
    for name, report in reports.items():
        match = _REPORT.fullmatch(report)  # what a person put there is left out
        if match and abs(now_s - int(match[1])) <= PRESENCE_GONE_S:
            running[name] = match[2]
    return dict(sorted(running.items()))
