"""Audit: what operators did, by whom and why."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.decisions import AllowInput
from holdfast.services.dlq_admin.rest.inputs import actor_of
from holdfast.shared.errors import InvalidRequest, SecondPersonNeeded
from holdfast.shared.letters.audit.entries import AuditAction

_PAGE = 50


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """The page, and allowances for other operators."""

    @router.get("/console/audit")
    async def deeds(
        request: Request,
        who: Annotated[str, Query(alias="actor", max_length=64)] = "",
        action: Annotated[str, Query(max_length=20)] = "",
        cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> Response:
        return await shown(request, who, action, cursor, None)

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

    async def shown(request: Request, who: str, action: str, cursor: int | None, problem: str | None) -> Response:
        rows, end = await backend.audit.page(who or None, action or None, cursor, _PAGE)
        return pages.page(
            request,
            "audit.html",
            422 if problem else 200,
            deeds=rows,
            next=end,
            actor=who,
            action=action,
            actions=[deed.value for deed in AuditAction],
            problem=problem,
        )
