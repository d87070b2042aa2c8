"""Presence: which writers and apis run, which build each of them is, and what each writer can decode.

An operator sees from this whether a fix has been deployed; a writer, whether another writer may be able to decode an
entry that it cannot decode itself; and an api, what every running writer can decode.
"""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.build import build
from holdfast.shared.queue.knowledge import NOTHING, Knowledge, own
from holdfast.shared.queue.names import APIS, WRITERS
from holdfast.shared.queue.reports import reports
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import PRESENCE_EVERY_S, PRESENCE_GONE_S

#: Prefix of the field that holds what a writer can decode, beside its report. Its value does not have the form of a
#: report, so that it is not taken for one.
_KNOWS = "knows:"

# Each report also removes the processes that have not reported for an hour.
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
    return (await reports(redis, WRITERS)).within(PRESENCE_GONE_S)


async def all_builds(redis: Redis) -> set[str]:
    """Return the builds of the writers and apis that reported lately."""
    every = [await reports(redis, among) for among in (WRITERS, APIS)]
    return {build for each in every for build in each.within(PRESENCE_GONE_S).values()}


async def known_to_writers(redis: Redis) -> list[Knowledge]:
    """Return the knowledge of each writer that reported lately.

    An earlier build reports none. If its declaration is this build's, its knowledge is taken to be the same, otherwise
    it is taken to know nothing.
    """
    entries = await reports(redis, WRITERS)
    found = []
    for writer, its_build in entries.within(PRESENCE_GONE_S).items():
        reported = Knowledge.from_text(entries.values.get(_KNOWS + writer, "").partition(":")[2])
        found.append(reported or (own() if _declares_the_same(its_build) else NOTHING))
    return found


def _declares_the_same(its_build: str) -> bool:
    return its_build.rpartition(".")[2] == build().rpartition(".")[2]
