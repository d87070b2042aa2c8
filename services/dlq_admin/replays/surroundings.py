"""Surroundings: reads what else goes on while a replay runs: live traffic, and the breakers and halts of the
writers."""

import time
from dataclasses import replace

from redis.asyncio import Redis

from holdfast.services.dlq_admin.replays.stop_rules import Surroundings
from holdfast.shared.fleet.roster import Roster
from holdfast.shared.queue.asking import AWAY
from holdfast.shared.queue.backlog import backlog_of_those_that_answer
from holdfast.shared.queue.halts import Halts
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.queue.presence import running_builds
from holdfast.shared.resilience.failure_reporter import FailureReporter

_WRITER, _DATABASE, _OPEN = "writer", "database", "open"


class SurroundingsReader:
    """Reads the surroundings: `await around(in_flight, since)`. The replay's own entries are not counted as other
    writes. An open breaker stops a replay for good, so that rule counts only breakers that were reported after `since`,
    the monotonic time at which the replay began to run: an earlier one may have closed."""

    def __init__(self, redis: Redis, roll: Roster, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._roll = roll
        self._halts = Halts(redis)
        self._reporter = FailureReporter("writers_reports", once=True)

    async def __call__(self, in_flight: int, since: float) -> Surroundings:
        """Return the surroundings in the partitions that answer, because the rules apply to what is sent there. Raises
        RedisError, OSError if no partition answers. Without the board, no breaker counts as open; without the reports
        of the writers, only the reason for a backlog stays unknown."""
        seen, _ = await backlog_of_those_that_answer(self._redis, self._partitions)
        depth = max(0, seen.depth - in_flight)
        now = time.monotonic()
        open_ = {
            str(one["instance"]): one["report"]["age_s"] < now - since
            for one in self._roll.shown(now)
            if (one["service"], one["name"], one["state"]) == (_WRITER, _DATABASE, _OPEN)
        }
        newly = tuple(sorted(name for name, new in open_.items() if new))
        around = Surroundings(depth, seen.waiting_age_s, tuple(sorted(open_)), newly)
        if not depth and not seen.waiting:
            return around
        with self._reporter.suppressing(*AWAY):  # a single partition holds the reports
            halted = {name: report.why for name, report in (await self._halts.read()).items()}
            return replace(around, halted=halted, writers=len(await running_builds(self._redis)))
        return around
