"""`/dlq/writers`: who applies writes, who has halted and why; and an operator's word that lets a halted one go on."""

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.ask import BODY_ERRORS, Reason, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.running import Running
from holdfast.shared.errors import DatabaseUnavailable, OutcomeUnknown, QueueUnavailable
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.store import audit
from holdfast.shared.letters.store.audit import Actor, Deed
from holdfast.shared.queue.halts import Halts


class GoOnAsked(BaseModel):
    """Whatever dies next becomes a dead letter. Without `writer`: of every writer that is halted."""

    model_config = ConfigDict(extra="forbid")

    writer: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    reason: Reason
    dry_run: bool = False


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


def add_routes(app: FastAPI, writers: Writers) -> None:
    """Both."""

    @app.get(
        "/dlq/writers", tags=["writers"], summary="Which writers run, and which of them are halted",
        responses=answer("Empty when the queue does not answer.", schemas.WRITERS) | errors(),
    )  # fmt: skip
    async def read_writers(_: Request) -> Response:
        return success(await writers.told(), headers={"Cache-Control": "no-store"})

    @app.post(
        "/dlq/writers/go-on", tags=["writers"], summary="Let halted writers go on; what dies becomes dead letters",
        responses=answer("Those that were halted. They take it up within a second or two.", schemas.WENT_ON)
        | errors(*BODY_ERRORS, QueueUnavailable, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(GoOnAsked, {"reason": "All of it is one client's test data"}),
    )  # fmt: skip
    async def go_on(request: Request) -> Response:
        wish = await asked(request, GoOnAsked)
        return success(await writers.go_on(wish.writer, actor(request, wish.reason), dry_run=wish.dry_run))
