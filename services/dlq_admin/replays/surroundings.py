"""Surroundings: what else goes on while a replay runs: live traffic, and the writers' breakers."""

import time

from redis.asyncio import Redis

from holdfast.services.dlq_admin.replays.stop_rules import Surroundings
from holdfast.shared.fleet.roster import Roster
from holdfast.shared.queue.backlog import backlog_of_those_that_answer
from holdfast.shared.queue.partitions import ONE, Partitions

_WRITER, _DATABASE, _OPEN = "writer", "database", "open"


class SurroundingsReader:
    """`await around(in_flight, since)`: entries of the replay itself are not counted as other people's, nor what was
    reported before it ran, at `since` of the monotonic clock: that breaker may have closed, and the rule stops for
    good."""

    def __init__(self, redis: Redis, roll: Roster, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._roll = roll

    async def __call__(self, in_flight: int, since: float) -> Surroundings:
        """Of the partitions that answer: the rules hold for what is sent to them. Raises RedisError, OSError if none
        does. Without the board no breaker counts as open; the backlog still counts."""
        seen, _ = await backlog_of_those_that_answer(self._redis, self._partitions)
        now = time.monotonic()
        open_ = {
            str(one["instance"])
            for one in self._roll.shown(now)
            if (one["service"], one["name"], one["state"]) == (_WRITER, _DATABASE, _OPEN)
            and one["report"]["age_s"] < now - since
        }
        return Surroundings(max(0, seen.depth - in_flight), seen.waiting_age_s, tuple(sorted(open_)))
