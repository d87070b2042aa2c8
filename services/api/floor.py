"""Floor: the newest version that the database has. Every later write gets a version above it, whatever the queue has
forgotten: a write below the floor would be accepted, and change nothing."""

import asyncio

from holdfast.services.api.database import Database
from holdfast.shared.errors import AppError
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import reads
from holdfast.shared.writes.versions import Clock

_PAUSE_S = 0.5


class Floor:
    """Reads the floor when an api starts, and when Redis has no record of the highest version."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reporter = FailureReporter("floor")
        self._tried = self._known = False

    async def read(self) -> None:
        """Read the floor now. Raises CircuitOpen, DatabaseUnavailable or DeadlineExceeded."""
        self._tried = True
        self._clock.observe(await self._database.call(reads.newest_version))
        self._known = True

    async def known(self) -> None:
        """Make sure that the floor was read at least once. Raises like `read`."""
        if not self._known:
            await self.read()

    async def tried(self) -> None:
        """Try to read the floor, unless that was tried before. If that fails, the queue's own clock has to suffice."""
        if not self._tried:
            with self._reporter.suppressing(AppError):
                await self.read()

    async def run(self) -> None:
        """Read the floor once, as soon as the database answers; then wait until cancelled."""
        while not self._known:
            with self._reporter.suppressing(AppError):
                await self.read()
            await asyncio.sleep(_PAUSE_S)
        await asyncio.Event().wait()
