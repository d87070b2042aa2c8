"""Floor: the newest version that the database has. Versions of later writes are above it, whatever the queue has
forgotten: a write below it would be accepted, and change nothing."""

import asyncio

from holdfast.services.api.database import Database
from holdfast.shared.errors import AppError
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import reads
from holdfast.shared.writes.versions import Clock

_PAUSE_S = 0.5


class Floor:
    """Read when an api starts, and when the queue does not know how far versions have come."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reporter = FailureReporter("floor")
        self._tried = self._known = False

    async def read(self) -> None:
        """Now. Raises CircuitOpen, DatabaseUnavailable or DeadlineExceeded."""
        self._tried = True
        self._clock.observe(await self._database.call(reads.newest_version))
        self._known = True

    async def known(self) -> None:
        """Returns when it was read once. Raises like `read`."""
        if not self._known:
            await self.read()

    async def tried(self) -> None:
        """Returns when it was read once, or could not be. Then the queue's own clock has to do."""
        if not self._tried:
            with self._reporter.suppressing(AppError):
                await self.read()

    async def run(self) -> None:
        """For ever: read it once, as soon as there is a database."""
        while not self._known:
            with self._reporter.suppressing(AppError):
                await self.read()
            await asyncio.sleep(_PAUSE_S)
        await asyncio.Event().wait()
