"""Writers: lists the running writers and the halted ones with the reason, and lets an operator resume halted
writers."""

import time
from collections.abc import Mapping

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.responses import Count, ResponseModel
from holdfast.shared.errors import QueueUnavailable, ResumptionUnknown, WriterNotFound
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.queue.halts import HaltReport, Halts
from holdfast.shared.queue.presence import running_builds
from holdfast.shared.resilience.failure_reporter import FailureReporter

_FRESH_S = 1.0


class Running:
    """Reads which writers run and which are halted, at most once a second. A result is empty if no writer has reported
    lately, and None if the queue does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._halts = Halts(redis)
        self._reporter = FailureReporter("running")
        self._builds: Mapping[str, str] | None = None
        self._halted: Mapping[str, HaltReport] | None = None
        self._asked_at = float("-inf")

    async def builds(self) -> Mapping[str, str] | None:
        """Return writer -> build, at most about a second old."""
        await self._look()
        return self._builds

    async def halted(self) -> Mapping[str, HaltReport] | None:
        """Return writer -> report of its halt, at most about a second old."""
        await self._look()
        return self._halted

    async def _look(self) -> None:
        if time.monotonic() - self._asked_at > _FRESH_S:
            try:
                with self._reporter:
                    self._builds, self._halted = await running_builds(self._redis), await self._halts.read()
            except (RedisError, OSError):
                self._builds = self._halted = None
            self._asked_at = time.monotonic()


class Halt(ResponseModel):
    """Why a writer is halted."""

    why: str
    would_be_dead: Count
    for_s: float
    tries: Count
    next_try_in_s: float


class WriterSummary(ResponseModel):
    """A writer that reported lately. `halted` is null if the writer is not halted."""

    name: str
    build: str | None
    halted: Halt | None


class Resumed(ResponseModel):
    """Halted writers that were resumed or, on a dry run, would be."""

    dry_run: bool
    writers: list[str]
    audit_id: Count = 0


class Writers:
    """The writers that reported lately."""

    def __init__(self, redis: Redis, running: Running, database: Database) -> None:
        self._redis = redis
        self._halts = Halts(redis)
        self._running = running
        self._database = database

    async def all(self) -> list[WriterSummary] | None:
        """Return every writer, by name. Return None if the queue does not answer."""
        builds, halted = await self._running.builds(), await self._running.halted()
        if builds is None or halted is None:
            return None
        return [
            WriterSummary(
                name=name, build=builds.get(name), halted=Halt.from_source(halted[name]) if name in halted else None
            )
            for name in sorted({*builds, *halted})
        ]

    async def go_on(self, writer: str | None, who: Actor, *, dry_run: bool) -> Resumed:
        """Resume one halted writer, or all of them if `writer` is None. The audit entry is written first. Raises
        WriterNotFound, QueueUnavailable, DatabaseUnavailable, OutcomeUnknown, ResumptionUnknown."""
        try:
            halted = {name: halt for name, halt in (await self._halts.read()).items() if writer in (None, name)}
            if writer and not halted and writer not in await running_builds(self._redis):
                raise WriterNotFound(details={"writer": writer})
        except (RedisError, OSError) as error:
            raise QueueUnavailable() from error
        if dry_run or not halted:
            return Resumed(dry_run=dry_run, writers=sorted(halted))
        details = {"halted": {name: halt.model_dump() for name, halt in halted.items()}}
        audit_id = await self._database.change(audit.record_alone, who, AuditAction.GO_ON, details=details)
        try:
            await self._halts.order(halted, who.name, who.reason)
        except (RedisError, OSError) as error:
            raise ResumptionUnknown() from error
        return Resumed(dry_run=False, writers=sorted(halted), audit_id=audit_id)
