"""`/dlq/writers`: who applies writes, who has halted and why; and an operator's word that lets a halted one go on."""

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.writers.running import Running
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, Deed
from holdfast.shared.queue.halts import Halts


class Writers:
    """What routes and pages ask for."""

    def __init__(self, redis: Redis, running: Running, database: Database) -> None:
        self._halts = Halts(redis)
        self._running = running
        self._database = database

    async def told(self) -> list[dict[str, Any]]:
        """Every writer that was heard of lately. `halted` null: it is not."""
        builds, halted = await self._running.builds(), await self._running.halted()
        return [
            {
                "name": name,
                "build": builds.get(name),
                "halted": halted[name].model_dump(exclude={"id"}) if name in halted else None,
            }
            for name in sorted({*builds, *halted})
        ]

    async def go_on(self, writer: str | None, who: Actor, *, dry_run: bool) -> dict[str, Any]:
        """Let it go on, or every one that is halted. On record before it is done. Raises QueueUnavailable,
        DatabaseUnavailable, OutcomeUnknown."""
        try:
            halted = {name: halt for name, halt in (await self._halts.read()).items() if writer in (None, name)}
            told: dict[str, Any] = {"dry_run": dry_run, "writers": sorted(halted)}
            if dry_run or not halted:
                return told
            about = {name: halt.model_dump() for name, halt in halted.items()}
            audit_id = await self._database.change(audit.on_record, who, Deed.GO_ON, details={"halted": about})
            await self._halts.order(halted, who.name, who.reason)
        except (RedisError, OSError) as error:
            raise QueueUnavailable() from error
        return told | {"audit_id": audit_id}
