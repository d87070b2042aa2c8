"""Writers: which writers run, which are halted and why; and the order to resume."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.inputs import actor_of
from holdfast.services.dlq_admin.rest.writers import GoOnInput
from holdfast.shared.errors import AppError


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page and the order."""

    @router.get("/console/writers")
    async def writers(request: Request) -> Response:
        return pages.page(
            request, "writers.html", writers=await backend.writers.all(), went_on=None, problem=None, reason=""
        )

    @router.post("/console/writers/go-on")
    async def go_on(request: Request) -> Response:
        form = form_of(request)
        went_on = problem = None
        try:
            wish = valid(GoOnInput, {"writer": form["writer"] or None, "reason": form["reason"]})
            result = await backend.writers.go_on(wish.writer, actor_of(request, wish.reason), dry_run=False)
            went_on = result.writers
        except AppError as error:
            problem = error.message
        return pages.page(
            request,
            "writers.html",
            422 if problem else 200,
            writers=await backend.writers.all(),
            went_on=went_on,
            problem=problem,
            reason=form["reason"],
        )
