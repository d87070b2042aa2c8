"""`/dlq/writers`: which writers run, which are halted and why; and an operator's order that resumes halted writers."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import Input, Reason, actor_of, read_input
from holdfast.services.dlq_admin.writers import Resumed, Writers, WriterSummary
from holdfast.shared.errors import (
    DatabaseUnavailable,
    OutcomeUnknown,
    QueueUnavailable,
    ResumptionUnknown,
    WriterNotFound,
)


class GoOnInput(Input):
    """An order to resume one writer or, without `writer`, every halted one. Entries that fail after that become dead
    letters."""

    writer: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    reason: Reason
    dry_run: bool = False


def add_routes(app: FastAPI, writers: Writers) -> None:
    """Add both routes."""

    @app.get(
        "/dlq/writers",
        **documented(
            "writers",
            "List the running writers, and which of them are halted",
            "The writers, sorted by name.",
            list[WriterSummary],
            QueueUnavailable,
        ),
    )
    async def list_writers(request: Request) -> Response:
        found = await writers.all()
        if found is None:
            raise QueueUnavailable("Which writers run is not known: the queue, where they report, does not answer.")
        return answered(request, found)

    @app.post(
        "/dlq/writers/go-on",
        **documented(
            "writers",
            "Resume halted writers; entries that fail then become dead letters",
            "The writers that were halted. They resume within a second or two.",
            Resumed,
            WriterNotFound,
            QueueUnavailable,
            DatabaseUnavailable,
            OutcomeUnknown,
            ResumptionUnknown,
            sent=(GoOnInput, {"reason": "All of it is one client's test data"}),
        ),
    )
    async def resume_writers(request: Request) -> Response:
        wish = await read_input(request, GoOnInput)
        return answered(request, await writers.go_on(wish.writer, actor_of(request, wish.reason), dry_run=wish.dry_run))
