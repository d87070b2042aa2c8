"""Presence: which writers and apis run, which build of each, and what each writer can decode. So an operator sees
whether a fix has arrived, a writer whether somebody else may know a write that it does not, and an api what every
writer knows.
"""

import asyncio
import re
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import text
from holdfast.shared.queue.build import build
from holdfast.shared.queue.knowledge import NOTHING, Knowledge, own
from holdfast.shared.queue.names import APIS, WRITERS
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import PRESENCE_EVERY_S, PRESENCE_GONE_S

_ENTRY = re.compile(r"([0-9]{1,12}) (.{1,200})", re.DOTALL)
#: Beside it, of a writer: what it can decode. Earlier builds leave out what does not look like the above.
_KNOWS = "knows:"

# By Redis' clock: no two machines' clocks are compared. Who is long gone is forgotten on the way.
_REPORT = """#!lua flags=allow-oom
local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
if ARGV[4] then redis.call('HSET', KEYS[1], ARGV[3], now .. ':' .. ARGV[4]) end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if now - tonumber(string.match(all[i + 1], '^%d+') or '0') > 3600 then redis.call('HDEL', KEYS[1], all[i]) end
end
return now
"""


class Presence:
    """One process reports that it runs, among the `WRITERS` or the `APIS`."""

    def __init__(self, redis: Redis, among: str, instance: str) -> None:
        self._redis = redis
        self._among = among
        self._report = (instance, build(), *((_KNOWS + instance, own().to_text()) if among == WRITERS else ()))
        self._reporter = FailureReporter("presence")

    async def run(self) -> None:
        """For ever."""
        while True:
            with self._reporter.suppressing(RedisError, OSError):
                await self._redis.eval(_REPORT, 1, self._among, *self._report)
            await asyncio.sleep(PRESENCE_EVERY_S)


async def running_builds(redis: Redis) -> dict[str, str]:
    """Writer -> its build, of those that reported lately."""
    return await _running(redis, WRITERS)


async def all_builds(redis: Redis) -> set[str]:
    """Of writers and apis that reported lately."""
    return {build for among in (WRITERS, APIS) for build in (await _running(redis, among)).values()}


async def known_to_writers(redis: Redis) -> list[Knowledge]:
    """By each writer that reported lately. An earlier build reports none: with the declaration of this one it knows the
    same, and else it is taken to know nothing."""
    seconds, _ = await redis.time()
    entries = {text(name): text(entry) for name, entry in (await redis.hgetall(WRITERS)).items()}
    found = []
    for writer, its_build in _lately(entries, seconds).items():
        reported = Knowledge.from_text(entries.get(_KNOWS + writer, "").partition(":")[2])
        found.append(reported or (own() if _declares_the_same(its_build) else NOTHING))
    return found


def _declares_the_same(its_build: str) -> bool:
    return its_build.rpartition(".")[2] == build().rpartition(".")[2]


async def _running(redis: Redis, among: str) -> dict[str, str]:
    seconds, _ = await redis.time()
    found = await redis.hgetall(among)
    return _lately({text(name): text(entry) for name, entry in found.items()}, seconds)


def _lately(entries: Mapping[str, str], now_s: int) -> dict[str, str]:
    running = {}
    for name, entry in entries.items():
        match = _ENTRY.fullmatch(entry)  # what a person put there is left out
        if match and abs(now_s - int(match[1])) <= PRESENCE_GONE_S:
            running[name] = match[2]
    return dict(sorted(running.items()))
