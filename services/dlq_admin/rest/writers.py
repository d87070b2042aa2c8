"""`/dlq/writers`: who applies writes, who has halted and why; and an operator's word that lets a halted one go on."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.rest import schemas
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, Reason, actor, asked
from holdfast.services.dlq_admin.writers.writers import Writers
from holdfast.shared.errors import DatabaseUnavailable, OutcomeUnknown, QueueUnavailable
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import success


class GoOnAsked(BaseModel):
    """Whatever dies next becomes a dead letter. Without `writer`: of every writer that is halted."""

    model_config = ConfigDict(extra="forbid")

    writer: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    reason: Reason
    dry_run: bool = False


def add_routes(app: FastAPI, writers: Writers) -> None:
    """Both."""

    @app.get(
        "/dlq/writers",
        tags=["writers"],
        summary="Which writers run, and which of them are halted",
        responses=answer("Empty when the queue does not answer.", schemas.WRITERS) | errors(),
    )
    async def read_writers(_: Request) -> Response:
        return success(await writers.told(), headers={"Cache-Control": "no-store"})

    @app.post(
        "/dlq/writers/go-on",
        tags=["writers"],
        summary="Let halted writers go on; what dies becomes dead letters",
        responses=answer("Those that were halted. They take it up within a second or two.", schemas.WENT_ON)
        | errors(*BODY_ERRORS, QueueUnavailable, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(GoOnAsked, {"reason": "All of it is one client's test data"}),
    )
    async def go_on(request: Request) -> Response:
        wish = await asked(request, GoOnAsked)
        return success(await writers.go_on(wish.writer, actor(request, wish.reason), dry_run=wish.dry_run))
