"""Failures: which responses to clients were not good, why, and since when."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.failures.models import FailureReport
from holdfast.shared.errors import ExplanationsUnavailable
from holdfast.shared.http.failures.group import MINUTES

_SPANS = (5, 15, MINUTES)


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page."""

    @router.get("/console/failures")
    async def failures(request: Request) -> Response:
        asked = request.query_params.get("minutes", "")
        minutes = int(asked) if asked in map(str, _SPANS) else MINUTES
        mistakes = request.query_params.get("mistakes") == "true"
        report: FailureReport | None = None
        problem = ""
        try:
            report = await backend.failures.report(minutes, mistakes=mistakes)
        except ExplanationsUnavailable:
            problem = "Failures are not known: the cache, where replicas report them, does not answer."
        return pages.page(
            request,
            "failures.html",
            report=report,
            problem=problem,
            minutes=minutes,
            mistakes=mistakes,
            spans=_SPANS,
        )
