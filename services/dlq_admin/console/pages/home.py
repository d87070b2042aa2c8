"""Home: whether writes are being dead-lettered, which, since when, why, and what to do; and the strip of every page."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.advice import at_a_glance
from holdfast.services.dlq_admin.console.render.outage import outage
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.letters.models import GroupSummary, LettersOnStream
from holdfast.services.dlq_admin.replays.models import ReplaySummary
from holdfast.shared.errors import DatabaseUnavailable
from holdfast.shared.letters.replays.plan import ACTIVE, ReplayState
from holdfast.shared.letters.state import State

_GROUPS = 5
_REPLAYS = 5
_FROM_STREAM = 20
#: The dashboard that shows the backlog.
_PIPELINE = "holdfast-pipeline"


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the home page and the strip."""
    backlog_at = f"/console/live/{_PIPELINE}" if _PIPELINE in backend.pictures.dashboards else "/console/live"

    @router.get("/console")
    async def home(request: Request) -> Response:
        overview = await backend.overview.look()
        groups: list[GroupSummary] = []
        replays: list[ReplaySummary] = []
        waiting: LettersOnStream | None = None
        if overview.letters is None:
            waiting = await backend.letters.from_stream(_FROM_STREAM)
        else:
            try:
                groups, _ = await backend.groups.page([State.DEAD, State.REPLAYING], None, _GROUPS)
                groups = [await backend.groups.with_standing(one) for one in groups]
                replays, _ = await backend.replays.page([*ACTIVE, ReplayState.AWAITING_APPROVAL], None, _REPLAYS)
            except DatabaseUnavailable:
                overview = overview.model_copy(update={"letters": None})
        return pages.page(
            request,
            "home.html",
            overview=overview,
            backlog_at=backlog_at,
            groups=sorted(groups, key=lambda one: -one.counts[State.DEAD]),
            replays=replays,
            waiting=waiting,
            glance=at_a_glance(overview, groups, replays),
            outage=outage(overview),
        )

    @router.get("/console/strip")
    async def strip(request: Request) -> Response:
        return pages.page(request, "strip.html", overview=await backend.overview.look(), backlog_at=backlog_at)
