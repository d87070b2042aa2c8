"""Presence: which writers and apis run, which build each of them is, and what each writer can decode.

An operator sees from this whether a fix has been deployed; a writer, whether another writer may be able to decode an
entry that it cannot decode itself; and an api, what every running writer can decode.
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
#: Prefix of the field that holds what a writer can decode, beside its entry. Earlier builds ignore these fields,
#: because their values do not match `_ENTRY`.
_KNOWS = "knows:"

# Times are by Redis' clock, so that no two machines' clocks are compared. Each report also removes the processes that
# have not reported for an hour.
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
    """Reports that this process runs, in the hash `among`: `WRITERS` or `APIS`."""

    def __init__(self, redis: Redis, among: str, instance: str) -> None:
        self._redis = redis
        self._among = among
        self._report = (instance, build(), *((_KNOWS + instance, own().to_text()) if among == WRITERS else ()))
        self._reporter = FailureReporter("presence")

    async def run(self) -> None:
        """Report every `PRESENCE_EVERY_S` seconds, without end."""
        while True:
            with self._reporter.suppressing(RedisError, OSError):
                await self._redis.eval(_REPORT, 1, self._among, *self._report)
            await asyncio.sleep(PRESENCE_EVERY_S)


async def running_builds(redis: Redis) -> dict[str, str]:
    """Return the build of each writer that reported lately."""
    return await _running(redis, WRITERS)


async def all_builds(redis: Redis) -> set[str]:
    """Return the builds of the writers and apis that reported lately."""
    return {build for among in (WRITERS, APIS) for build in (await _running(redis, among)).values()}


async def known_to_writers(redis: Redis) -> list[Knowledge]:
    """Return the knowledge of each writer that reported lately.

    An earlier build reports none. If its declaration is this build's, its knowledge is taken to be the same, otherwise
    it is taken to know nothing.
    """
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
        match = _ENTRY.fullmatch(entry)  # a value that was put there by hand is left out
        if match and abs(now_s - int(match[1])) <= PRESENCE_GONE_S:
            running[name] = match[2]
    return dict(sorted(running.items()))
