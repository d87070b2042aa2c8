"""Exchange: exports dead letters as NDJSON, one per line, complete and unmasked, and imports them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

import orjson
from starlette.requests import Request

from holdfast.services.dlq_admin.database import Database, certain_if
from holdfast.services.dlq_admin.letters.results import ImportResult
from holdfast.shared.errors import InvalidLine, MalformedJson
from holdfast.shared.http.body import read_body
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.exchange import importing
from holdfast.shared.letters.exchange.line import from_line, to_line
from holdfast.shared.letters.find import search, whole
from holdfast.shared.letters.find.search import Page
from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.letters.letter import Letter
from holdfast.shared.resilience.time_limits import TimeLimit
from holdfast.shared.runtime.documents import Budget, parse_sent

_PAGE = 200
_LINE = Budget(bytes=64 * 2**20)
_PART_MAX_S = 60.0


class Exchange:
    """Exports and imports letters. `import_max_bytes`: the largest file."""

    def __init__(self, database: Database, *, import_max_bytes: int) -> None:
        self._database = database
        self._import_max_bytes = import_max_bytes

    async def begin(self, wanted: Filter, who: Actor) -> Page:
        """Return the first page of an export, and record the export in the audit. Raises DatabaseUnavailable,
        OutcomeUnknown."""
        page = await self._database.read(search.search, wanted, beyond=None, limit=_PAGE)
        numbers = [row.id for row in page.rows] if page.next is None else []
        await self._database.change(
            audit.record_alone, who, AuditAction.EXPORT, numbers=numbers, selection={"filter": wanted.to_json()}
        )
        return page

    async def lines(self, wanted: Filter, page: Page, limit: TimeLimit | None) -> AsyncIterator[bytes]:
        """Yield every letter as a line, page by page, so that a million letters need no more memory than a page. A
        client that stops reading is disconnected after a while."""
        while True:
            if limit is not None:
                limit.move(_PART_MAX_S)
            for row, body in await self._database.work(whole.bodies, page.rows):
                line = to_line(row.id, asdict(row), body.original, body.attempts)
                yield orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
            if page.next is None:
                return
            page = await self._database.work(search.search, wanted, beyond=page.next, limit=_PAGE)

    async def bring(self, request: Request, who: Actor, *, expected: int | None, dry_run: bool) -> ImportResult:
        """Import all letters of the body, or none. Raises InvalidRequest, BodyTooLarge, DocumentTooLarge,
        CountMismatch, LetterDiffers, DatabaseUnavailable, OutcomeUnknown."""
        raw = await read_body(request, self._import_max_bytes)
        letters = await asyncio.to_thread(_parsed, raw)
        with certain_if(dry_run):
            brought = await self._database.change(importing.bring, letters, who, expected=expected, dry_run=dry_run)
        return ImportResult.from_source(brought, dry_run=dry_run)


def _parsed(raw: bytes) -> list[Letter]:
    """Parse the lines. Raises InvalidLine, which names the line."""
    letters = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            letters.append(from_line(parse_sent(line, _LINE)))
        except (ValueError, MalformedJson) as error:
            what = _problem(error)
            raise InvalidLine(
                details={"field": f"line {number}", "value": None, "constraint": what},
            ) from None
    return letters


def _problem(error: ValueError | MalformedJson) -> str:
    match error:
        case orjson.JSONDecodeError():
            return "not JSON"
        case MalformedJson(details={"field": field, "constraint": constraint}):
            return f"{field} {constraint}"
        case _:
            return str(error)
