"""Writers: which run, which are halted and why; and an operator's order that lets a halted one go on."""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.writers.models import Halt, Resumed, WriterSummary
from holdfast.services.dlq_admin.writers.running import Running
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.queue.halts import Halts


class Writers:
    """The writers that reported lately."""

    def __init__(self, redis: Redis, running: Running, database: Database) -> None:
        self._halts = Halts(redis)
        self._running = running
        self._database = database

    async def all(self) -> list[WriterSummary]:
        """Every writer, by name. Empty when the queue does not answer."""
        builds, halted = await self._running.builds(), await self._running.halted()
        return [
            WriterSummary(
                name=name, build=builds.get(name), halted=Halt.from_source(halted[name]) if name in halted else None
            )
            for name in sorted({*builds, *halted})
        ]

    async def go_on(self, writer: str | None, who: Actor, *, dry_run: bool) -> Resumed:
        """Let one halted writer go on, or all of them. On record before it is done. Raises QueueUnavailable,
        DatabaseUnavailable, OutcomeUnknown."""
        try:
            halted = {name: halt for name, halt in (await self._halts.read()).items() if writer in (None, name)}
            if dry_run or not halted:
                return Resumed(dry_run=dry_run, writers=sorted(halted))
            details = {"halted": {name: halt.model_dump() for name, halt in halted.items()}}
            audit_id = await self._database.change(audit.record_event, who, AuditAction.GO_ON, details=details)
            await self._halts.order(halted, who.name, who.reason)
        except (RedisError, OSError) as error:
            raise QueueUnavailable() from error
        return Resumed(dry_run=False, writers=sorted(halted), audit_id=audit_id)
