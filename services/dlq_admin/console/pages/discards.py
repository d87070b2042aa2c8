"""Discards and restores: a preview, then confirmation by count. The result is an audit entry."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import REFUSALS, about_letters, form_of, problem_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.inputs import BulkInput, actor_of
from holdfast.shared.letters.state import State


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add both pages."""

    @router.get("/console/discards")
    @router.post("/console/discards")
    async def discard(request: Request) -> Response:
        return await _changed(request, pages, backend, "discard")

    @router.get("/console/restores")
    @router.post("/console/restores")
    async def restore(request: Request) -> Response:
        return await _changed(request, pages, backend, "restore")


async def _changed(request: Request, pages: Pages, backend: Backend, what: str) -> Response:
    form = form_of(request)
    selection = form.selection()
    problem = None
    if request.method == "POST":
        try:
            wish = valid(
                BulkInput,
                {"selection": selection, "reason": form["reason"], "expected_count": form.number("expected_count")},
            )
            change = backend.discards.discard if what == "discard" else backend.discards.restore
            result = await change(
                wish.selection.to_selection(), actor_of(request, wish.reason), wish.expected_count or 0
            )
            return RedirectResponse(f"/console/audit/{result.audit_id}", 303)
        except REFUSALS as error:
            problem = problem_of(error)
    return pages.page(
        request,
        "discard.html",
        422 if problem else 200,
        what=what,
        result=await backend.discards.preview(
            selection.to_selection(), State.DEAD if what == "discard" else State.DISCARDED
        ),
        problem=problem,
        **about_letters(selection),
        reason=form["reason"],
        allowance=await backend.allowances.of(request.scope["principal"].name) if what == "discard" else None,
    )
