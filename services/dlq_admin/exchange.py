"""`/dlq/export` and `/dlq/import`: dead letters as NDJSON, one a line, whole and in clear; and back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

import orjson
from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.ask import SHORT_MAX_CHARS, FilterAsked, ShortReason, actor
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.settings import IMPORT_PATH
from holdfast.shared.errors import (
    BodyTooLarge,
    CountMismatch,
    DatabaseUnavailable,
    DocumentTooLarge,
    InvalidRequest,
    LetterDiffers,
    OutcomeUnknown,
)
from holdfast.shared.http.body import read_body
from holdfast.shared.http.document import answer, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.filter import Filter
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.letter import Letter
from holdfast.shared.letters.line import from_line, to_line
from holdfast.shared.letters.store import audit, exchange, one, search
from holdfast.shared.letters.store.audit import Actor, Deed
from holdfast.shared.letters.store.change import CountDiffers
from holdfast.shared.letters.store.search import Page
from holdfast.shared.runtime.documents import Budget, parse

_NDJSON = "application/x-ndjson"
_PAGE = 200
_LINE = Budget(bytes=64 * 2**20)
_PART_MAX_S = 60.0
_LINES: dict[str, Any] = {_NDJSON: {"schema": {"type": "string"}}}
_EXPORTED: dict[int | str, Any] = {200: {"description": "One letter a line.", "content": _LINES}}


class ExportAsked(FilterAsked):
    """Which letters, and why. `why`, because a filter's `reason` is what they died of."""

    why: ShortReason


class Exchange:
    """Letters out, and in."""

    def __init__(self, database: Database, *, import_max_bytes: int) -> None:
        self._database = database
        self._import_max_bytes = import_max_bytes

    async def begin(self, wanted: Filter, who: Actor) -> Page:
        """The first page, on record. Raises DatabaseUnavailable, OutcomeUnknown."""
        page = await self._database.read(search.search, wanted, below=None, limit=_PAGE)
        numbers = [row.id for row in page.rows] if page.next is None else []
        await self._database.change(
            audit.note_down, who, Deed.EXPORT, numbers=numbers, selection={"filter": wanted.told()}
        )
        return page

    async def lines(self, wanted: Filter, page: Page, limit: asyncio.Timeout | None) -> AsyncIterator[bytes]:
        """Every letter, page by page: a million of them need no more memory than a page. Somebody who stops reading is
        cut off after a while."""
        loop = asyncio.get_running_loop()
        while True:
            if limit is not None:
                limit.reschedule(loop.time() + _PART_MAX_S)
            for row, body in await self._database.work(one.bodies, page.rows):
                line = to_line(row.id, asdict(row), body.original, body.attempts)
                yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            if page.next is None:
                return
            page = await self._database.work(search.search, wanted, below=page.next, limit=_PAGE)

    async def bring(self, request: Request, who: Actor, *, expected: int | None, dry_run: bool) -> dict[str, Any]:
        """All letters of the body, or none. Raises InvalidRequest, BodyTooLarge, DocumentTooLarge, CountMismatch,
        LetterDiffers, DatabaseUnavailable, OutcomeUnknown."""
        raw = await read_body(request, self._import_max_bytes)
        letters = await asyncio.to_thread(_parsed, raw)
        try:
            brought = await self._database.change(
                exchange.bring, letters, who, expected=expected, dry_run=dry_run
            )  # fmt: skip
        except CountDiffers as differs:
            raise CountMismatch(details={"expected_count": expected, "actual_count": differs.actual}) from None
        except exchange.Differs as differs:
            raise LetterDiffers(details={"id": id_of(differs.number)}) from None
        return asdict(brought) | {"dry_run": dry_run}


def add_routes(app: FastAPI, letters: Exchange) -> None:
    """Both routes."""

    @app.get(
        "/dlq/export", tags=["exchange"], summary="Dead letters as NDJSON, whole and in clear; on record",
        response_class=StreamingResponse,
        responses=_EXPORTED | errors(InvalidRequest, DatabaseUnavailable, OutcomeUnknown),
    )  # fmt: skip
    async def export(request: Request, wanted: Annotated[ExportAsked, Query()]) -> Response:
        first = await letters.begin(wanted.meant(), actor(request, wanted.why))
        lines = letters.lines(wanted.meant(), first, request.scope.get("time_limit"))
        headers = {"Cache-Control": "no-store", "Content-Disposition": 'attachment; filename="dead-letters.ndjson"'}
        return StreamingResponse(lines, media_type=_NDJSON, headers=headers)

    @app.post(
        IMPORT_PATH, tags=["exchange"], summary="Bring exported dead letters in; what is here already stays as it is",
        responses=answer("How many are new, and how many were here.", schemas.IMPORTED)
        | errors(InvalidRequest, BodyTooLarge, DocumentTooLarge, CountMismatch, LetterDiffers, DatabaseUnavailable,
                 OutcomeUnknown),
        openapi_extra={"requestBody": {"required": True, "content": _LINES}},
    )  # fmt: skip
    async def bring(
        request: Request,
        why: Annotated[str, Query(min_length=3, max_length=SHORT_MAX_CHARS)],
        expected_count: Annotated[int | None, Query(ge=0, le=10**9, description="New ones; not on a dry run")] = None,
        dry_run: bool = False,
    ) -> Response:
        if expected_count is None and not dry_run:
            raise InvalidRequest(
                "A parameter is not valid.", code="INVALID_PARAMETER",
                details={"field": "expected_count", "value": None, "constraint": "needed; a dry_run tells it"},
            )  # fmt: skip
        who = actor(request, why)
        expected = None if dry_run else expected_count
        return success(await letters.bring(request, who, expected=expected, dry_run=dry_run))


def _parsed(raw: bytes) -> list[Letter]:
    """Raises InvalidRequest, naming the line."""
    letters = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            letters.append(from_line(parse(line, _LINE)))
        except ValueError as error:
            what = "not JSON" if isinstance(error, orjson.JSONDecodeError) else str(error)
            raise InvalidRequest(
                "A line is not a dead letter.", code="INVALID_LINE",
                details={"field": f"line {number}", "value": None, "constraint": what},
            ) from None  # fmt: skip
    return letters
