"""Audit: what operators did, by whom and why."""

import contextlib
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import REFUSALS, form_of, problem_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.console.render.selected import selected
from holdfast.services.dlq_admin.letters.models import AuditRecord, LetterSummary
from holdfast.services.dlq_admin.rest.decisions import AllowInput
from holdfast.services.dlq_admin.rest.inputs import Cursor, Input, Reason, actor_of
from holdfast.shared.errors import InvalidRequest, ReplayNotFound, SecondPersonNeeded, SelectionTooLarge
from holdfast.shared.http.keys import OPERATE
from holdfast.shared.letters.audit.entries import AuditAction
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.replays.plan import ReplayState

_PAGE = 50
_LETTERS = 10


Id = Annotated[int, Path(ge=1, le=2**62)]


class UndoInput(Input):
    """An undo. `expected_count` is the number of letters that the page showed."""

    reason: Reason
    expected_count: int = Field(ge=0, le=10**9)


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the list, one entry with its undo, and allowances for other operators."""

    @router.get("/console/audit")
    async def entries(
        request: Request,
        who: Annotated[str, Query(alias="actor", max_length=64)] = "",
        action: Annotated[str, Query(max_length=20)] = "",
        cursor: Cursor | None = None,
    ) -> Response:
        return await shown(request, who, action, cursor, None)

    @router.get("/console/audit/{audit_id}")
    async def entry(request: Request, audit_id: Id) -> Response:
        return await _shown(request, pages, backend, audit_id)

    @router.post("/console/audit/{audit_id}/undo")
    async def undo(request: Request, audit_id: Id) -> Response:
        form = form_of(request)
        try:
            wish = valid(UndoInput, {"reason": form["reason"], "expected_count": form.number("expected_count")})
            one = await backend.audit.one(audit_id)
            where = await backend.undos.do(one, actor_of(request, wish.reason), wish.expected_count)
        except REFUSALS as error:
            return await _shown(request, pages, backend, audit_id, problem_of(error))
        return RedirectResponse(where, 303)

    @router.post("/console/allowances")
    async def allow(request: Request) -> Response:
        form = form_of(request)
        try:
            wish = valid(
                AllowInput, {"actor": form["actor"], "letters": form.number("letters"), "reason": form["reason"]}
            )
            await backend.allowances.allow(wish.actor, wish.letters, actor_of(request, wish.reason))
        except (InvalidRequest, SecondPersonNeeded) as error:
            return await shown(request, "", "", None, error.message)
        return RedirectResponse("/console/audit?action=allow", 303)

    async def shown(request: Request, who: str, action: str, cursor: str | None, problem: str | None) -> Response:
        rows, end = await backend.audit.page(who or None, action or None, cursor, _PAGE)
        return pages.page(
            request,
            "audit.html",
            422 if problem else 200,
            entries=rows,
            next=end,
            actor=who,
            action=action,
            actions=list(AuditAction),
            problem=problem,
        )


async def _shown(
    request: Request, pages: Pages, backend: Backend, audit_id: int, problem: str | None = None
) -> Response:
    one = await backend.audit.one(audit_id)
    undo, made, since = None, None, None
    if request.scope["principal"].may(OPERATE):
        with contextlib.suppress(SelectionTooLarge):
            undo = await backend.undos.of(one, actor_of(request, "a look"))
    if undo is None and one.letters:
        made, since = await backend.audit.made_and_changed(one)
    letters = await _letters(backend, one) if one.letters else []
    return pages.page(
        request,
        "audit_entry.html",
        409 if problem else 200,
        entry=one,
        undo=undo,
        replayed=await _replayed(backend, one),
        made=made,
        since=since,
        letters=letters,
        originals=await backend.letters.back_at_original(letters),
        selected=selected(one.selection) if one.selection else None,
        problem=problem,
        reason=form_of(request)["reason"],
        allowance=await backend.allowances.of(request.scope["principal"].name) if undo else None,
    )


async def _replayed(backend: Backend, entry: AuditRecord) -> bool:
    """Return whether the entry began a replay that is done."""
    number = (entry.details or {}).get("replay") if entry.action == AuditAction.REPLAY else None
    with contextlib.suppress(ReplayNotFound):
        return number is not None and (await backend.replays.one(number)).state is ReplayState.DONE
    return False


async def _letters(backend: Backend, entry: AuditRecord) -> list[LetterSummary]:
    """Return the newest letters that the entry concerns, or none if there are more than a selection may have."""
    with contextlib.suppress(SelectionTooLarge):
        return await backend.letters.of(Selection(audit=entry.id), _LETTERS)
    return []
