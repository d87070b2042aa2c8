"""Writers know: checks whether every running writer can decode a write. During an upgrade an api may have a newer build
than some writers. A write that is new to one of them is not queued, as it might wait for a writer that never comes."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.errors import WritersBehind
from holdfast.shared.queue.knowledge import Knowledge, own
from holdfast.shared.queue.presence import known_to_writers
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.writes.commands import Command, Replace, label

_EVERY_S = 1.0


class WritersKnow:
    """The knowledge of all running writers, at most about a second old. While no writer runs, and until the queue
    answers, every command counts as known, because a writer that starts later finds the waiting entries anyway."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reporter = FailureReporter("writers_know")
        #: The knowledge of each writer that does not know all that this process does.
        self._behind: tuple[Knowledge, ...] = ()

    def check(self, command: Command) -> None:
        """Check that every writer knows the command, and each field that it sets: a Replace sets all fields. Raises
        WritersBehind if one does not."""
        if not self._behind:
            return
        fields = command.resource.names if isinstance(command, Replace) else command.values
        if not all(each.covers(label(command), fields) for each in self._behind):
            raise WritersBehind()

    async def run(self) -> None:
        """Read every second what the writers know, until cancelled."""
        while True:
            with self._reporter.suppressing(RedisError, OSError):
                found = await known_to_writers(self._redis)
                self._behind = tuple(each for each in found if not each.covers_all(own()))
            await asyncio.sleep(_EVERY_S)
