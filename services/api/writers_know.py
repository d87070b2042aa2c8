"""Writers know: whether every writer that runs can decode a write. During an upgrade an api may be of a newer build
than some writers; what is new to one of them is not queued, as it would wait for a writer that may never come."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.errors import WritersBehind
from holdfast.shared.queue.knowledge import Knowledge, own
from holdfast.shared.queue.presence import known_to_writers
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.writes.commands import Command, label

_EVERY_S = 1.0


class WritersKnow:
    """As of a moment ago. While no writer runs, and until the queue answers, all is known: whoever comes is met by what
    waits for it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reporter = FailureReporter("writers_know")
        #: Of the writers that do not know all that this process does.
        self._behind: tuple[Knowledge, ...] = ()

    def check(self, command: Command) -> None:
        """Raises WritersBehind."""
        if self._behind and not all(each.covers(label(command), command.values) for each in self._behind):
            raise WritersBehind()

    async def run(self) -> None:
        """For ever: look."""
        while True:
            with self._reporter.suppressing(RedisError, OSError):
                found = await known_to_writers(self._redis)
                self._behind = tuple(each for each in found if not each.covers_all(own()))
            await asyncio.sleep(_EVERY_S)
