"""Letters: the search, and one letter with all that is known of it, unmasked for an operator who gives a reason."""

import re
from datetime import datetime
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, selection_json, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.letters.models import LetterDetail
from holdfast.services.dlq_admin.rest.inputs import (
    FINGERPRINT,
    LETTER_ID,
    FilterInput,
    LetterId,
    Reason,
    SelectionInput,
    actor_of,
)
from holdfast.services.dlq_admin.rest.letters import LettersInput
from holdfast.shared.errors import DatabaseUnavailable, InvalidRequest
from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.letters.ids import number_of
from holdfast.shared.letters.state import State

_PAGE = 50
_COUNTED_MOST = 10_000
_PAGED = {"cursor", "limit", "order"}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

Id = Annotated[LetterId, Path(pattern=LETTER_ID)]


class _WhyInput(BaseModel):
    reason: Reason


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the search, one letter, and its unmasked forms."""
    _add_search(router, pages, backend)
    _add_one(router, pages, backend)


def _add_search(router: APIRouter, pages: Pages, backend: Backend) -> None:

    @router.get("/console/letters")
    async def search(request: Request) -> Response:
        asked = {name: value for name, value in request.query_params.items() if value.strip()}
        try:
            wanted = valid(LettersInput, asked | {"limit": _PAGE})
        except InvalidRequest as error:
            return pages.page(request, "letters.html", 422, asked=asked, problem=error.message, **_NO_LETTERS)
        try:
            oldest_first = wanted.order == "oldest"
            asked_for = wanted.to_filter()
            found, end = await backend.letters.page(asked_for, wanted.cursor, wanted.limit, oldest_first=oldest_first)
            total = await backend.letters.total(asked_for, _COUNTED_MOST)
            originals = await backend.letters.back_at_original(found)
            banner = None
        except DatabaseUnavailable:
            instead = await backend.letters.from_stream(_PAGE)
            if instead is None:
                raise
            found, end, banner, total, originals = instead.letters, None, instead, None, set()
        rest = FilterInput.model_validate(wanted.model_dump(exclude=_PAGED, by_alias=True))
        selection = f'{{"filter": {rest.model_dump_json(by_alias=True, exclude_none=True)}}}'
        return pages.page(
            request,
            "letters.html",
            asked=asked,
            problem=None,
            letters=found,
            originals=originals,
            next=end,
            banner=banner,
            total=total,
            counted_most=_COUNTED_MOST,
            selection=selection,
        )

    @router.get("/console/find")
    async def find(request: Request) -> Response:
        text = request.query_params.get("q", "").strip()
        return RedirectResponse(await _where(backend, text), 303)

    @router.post("/console/export")
    async def export(request: Request) -> Response:
        selection = form_of(request).selection()
        wanted = selection.to_selection().matching
        if wanted is None:
            raise InvalidRequest("An export holds all matching letters; it cannot be limited to selected ones.")
        return await _exported(request, backend, wanted, _why(request))


def _add_one(router: APIRouter, pages: Pages, backend: Backend) -> None:
    @router.get("/console/letters/{letter_id}")
    async def letter(request: Request, letter_id: Id) -> Response:
        return pages.page(
            request, "letter.html", **await _about(backend, await backend.letters.one(letter_id, who=None))
        )

    @router.post("/console/letters/{letter_id}/reveal")
    async def reveal(request: Request, letter_id: Id) -> Response:
        why = _why(request)
        one = await backend.letters.one(letter_id, who=actor_of(request, why))
        return pages.page(request, "letter.html", **await _about(backend, one, why))

    @router.post("/console/letters/{letter_id}/whole")
    async def whole(request: Request, letter_id: Id) -> Response:
        number = number_of(letter_id)
        return await _exported(request, backend, Filter(first=number, last=number), _why(request))


#: Sorts a letter's replay last while the letter is not sent.
_LATER = "9999-12-31T23:59:59+00:00"
_NO_LETTERS: dict[str, Any] = {"letters": [], "next": None, "banner": None, "total": None, "selection": ""}


async def _about(backend: Backend, one: LetterDetail, why: str | None = None) -> dict[str, Any]:
    selection = selection_json(valid(SelectionInput, {"ids": [one.id]}))
    edits = one.lineage.edits if one.lineage else []
    in_force = next((edit for edit in edits if edit.number == one.edit), None)
    changed = in_force is not None and in_force.reverts != 0
    return {
        "letter": one,
        "why": why,
        "selection": selection,
        "in_force": in_force,
        "verdict": await backend.edits.verdict(one.id) if changed and one.state == State.DEAD else None,
        "history": _history(one),
    }


class _Happened(NamedTuple):
    """One line of a letter's history: its template is chosen by `kind`."""

    at: datetime
    kind: str
    what: Any


def _history(one: LetterDetail) -> list[_Happened]:
    """Return the history in time order. Events of the same moment keep the order of these kinds."""
    if one.lineage is None:
        return []
    found: list[tuple[str, str, Any]] = [("dead", one.dead_at, one)]
    found += [("kin", each.dead_at, each) for each in one.lineage.letters if each.id != one.id]
    found += [("edit", each.at, each) for each in one.lineage.edits]
    found += [("audit", each.at, each) for each in one.lineage.audit]
    found += [("replay", each.sent_at or each.ended_at or _LATER, each) for each in one.lineage.replays]
    happened = [_Happened(datetime.fromisoformat(at), kind, what) for kind, at, what in found]
    return sorted(happened, key=lambda each: each.at)


async def _exported(request: Request, backend: Backend, wanted: Filter, why: str) -> Response:
    first = await backend.exchange.begin(wanted, actor_of(request, why))
    lines = backend.exchange.lines(wanted, first, request.scope.get("time_limit"))
    headers = {"Content-Disposition": 'attachment; filename="dead-letters.ndjson"'}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)


def _why(request: Request) -> str:
    return valid(_WhyInput, {"reason": form_of(request)["reason"]}).reason


async def _where(backend: Backend, text: str) -> str:
    """Return the page for a text that was typed into the search box."""
    if re.fullmatch(LETTER_ID, text, re.ASCII):
        return f"/console/letters/{text}"
    if re.fullmatch(FINGERPRINT, text):
        return f"/console/groups/{text}"
    if text.startswith("req_"):
        return f"/console/requests?{urlencode({'id': text[:128]})}"
    if _UUID.fullmatch(text.lower()):
        id = text.lower()
        found, _ = await backend.letters.page(Filter(operation_id=id), None, 1)
        return f"/console/letters?{'operation_id' if found else 'entity_id'}={id}"
    return f"/console/letters?{urlencode({'text': text[:200]})}" if text else "/console/letters"
