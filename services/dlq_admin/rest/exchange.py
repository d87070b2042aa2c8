"""`/dlq/export` and `/dlq/import`: exchange dead letters as NDJSON, one per line, complete and unmasked."""

from typing import Annotated, Any

from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from holdfast.services.dlq_admin.letters.exchange import Exchange
from holdfast.services.dlq_admin.letters.results import ImportResult
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import SHORT_MAX_CHARS, FilterInput, ShortReason, actor_of
from holdfast.services.dlq_admin.settings import IMPORT_PATH
from holdfast.shared.errors import (
    BodyTooLarge,
    CountMismatch,
    DatabaseUnavailable,
    DocumentTooLarge,
    InvalidParameter,
    InvalidRequest,
    LetterDiffers,
    OutcomeUnknown,
)
from holdfast.shared.http.document import errors, header

_NDJSON = "application/x-ndjson"


_LINES: dict[str, Any] = {_NDJSON: {"schema": {"type": "string"}}}


_EXPORTED: dict[int | str, Any] = {
    200: {
        "description": "The letters, one per line.",
        "content": _LINES,
        "headers": {"Content-Disposition": header("A name for the downloaded file")},
    }
}


class ExportInput(FilterInput):
    """Which letters to export, and `why`. It is not called `reason`, because a filter's `reason` is why the letters
    died."""

    why: ShortReason


def add_routes(app: FastAPI, letters: Exchange) -> None:
    """Add both routes."""

    @app.get(
        "/dlq/export",
        tags=["exchange"],
        summary="Export dead letters as NDJSON, complete and unmasked; recorded in the audit",
        response_class=StreamingResponse,
        responses=_EXPORTED | errors(InvalidRequest, DatabaseUnavailable, OutcomeUnknown),
    )
    async def export_letters(request: Request, wanted: Annotated[ExportInput, Query()]) -> Response:
        first = await letters.begin(wanted.to_filter(), actor_of(request, wanted.why))
        lines = letters.lines(wanted.to_filter(), first, request.scope.get("time_limit"))
        headers = {"Content-Disposition": 'attachment; filename="dead-letters.ndjson"'}
        return StreamingResponse(lines, media_type=_NDJSON, headers=headers)

    @app.post(
        IMPORT_PATH,
        openapi_extra={"requestBody": {"required": True, "content": _LINES}},
        **documented(
            "exchange",
            "Import exported dead letters; letters that exist already stay unchanged",
            "How many letters of the file are new, and how many existed already.",
            ImportResult,
            InvalidRequest,
            BodyTooLarge,
            DocumentTooLarge,
            CountMismatch,
            LetterDiffers,
            DatabaseUnavailable,
            OutcomeUnknown,
        ),
    )
    async def import_letters(
        request: Request,
        why: Annotated[str, Query(min_length=3, max_length=SHORT_MAX_CHARS)],
        expected_count: Annotated[
            int | None,
            Query(ge=0, le=10**9, description="Expected number of new letters; required unless `dry_run` is true"),
        ] = None,
        dry_run: bool = False,
    ) -> Response:
        if expected_count is None and not dry_run:
            raise InvalidParameter(
                details={"field": "expected_count", "value": None, "constraint": "must be given; a dry run returns it"},
            )
        who = actor_of(request, why)
        expected = None if dry_run else expected_count
        return answered(request, await letters.bring(request, who, expected=expected, dry_run=dry_run))
