"""Writers: which writers run, which are halted and why; and the order to resume."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.inputs import actor_of
from holdfast.services.dlq_admin.rest.writers import GoOnInput
from holdfast.shared.errors import AppError
from holdfast.shared.http.envelope import status_of


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page and the order."""

    @router.get("/console/writers")
    async def writers(request: Request, resumed: Annotated[int | None, Query(ge=0)] = None) -> Response:
        return await shown(request, resumed, None)

    @router.post("/console/writers/go-on")
    async def go_on(request: Request) -> Response:
        form = form_of(request)
        try:
            wish = valid(GoOnInput, {"writer": form["writer"] or None, "reason": form["reason"]})
            result = await backend.writers.go_on(wish.writer, actor_of(request, wish.reason), dry_run=False)
        except AppError as error:
            return await shown(request, None, error)
        return RedirectResponse(f"/console/writers?resumed={result.audit_id}", 303)

    async def shown(request: Request, resumed: int | None, problem: AppError | None) -> Response:
        return pages.page(
            request,
            "writers.html",
            status_of(problem) if problem else 200,
            writers=await backend.writers.all(),
            resumed=resumed,
            problem=problem.message if problem else None,
            reason=form_of(request)["reason"],
        )
