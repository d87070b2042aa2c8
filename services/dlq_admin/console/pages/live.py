"""Live: the dashboards, drawn by the browser from the results of their own queries. A browser names a dashboard and one
of a few time spans; it cannot send a query."""

from typing import Any, Literal

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.live.dashboards import Dashboard, Panel
from holdfast.services.dlq_admin.live.variables import SPANS, USUAL_SPAN
from holdfast.shared.errors import NoSuchPath

#: The names in `SPANS`.
_Span = Literal["5m", "15m", "1h"]


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the redirect to the first dashboard, the pages, and the data that refreshes them."""
    pictures = backend.pictures

    @router.get("/console/live")
    async def to_home(request: Request) -> Response:
        if not pictures.dashboards:
            return pages.page(request, "live_none.html")
        return RedirectResponse(f"/console/live/{next(iter(pictures.dashboards))}", 307)

    @router.get("/console/live/{uid}")
    async def dashboard(request: Request, uid: str, range: _Span = USUAL_SPAN) -> Response:
        shown = _known(uid)
        return pages.page(
            request,
            "live.html",
            dashboard=shown,
            rows=[_row(row.title, row.panels) for row in shown.rows],
            dashboards=pictures.dashboards.values(),
            spans=list(SPANS),
            span=range,
            possible=pictures.possible,
        )

    @router.get("/console/live/{uid}/data")
    async def data(uid: str, range: _Span = USUAL_SPAN) -> Response:
        _known(uid)
        if not pictures.possible:
            raise NoSuchPath()
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        return Response(await pictures.packed(uid, range), headers=headers)

    def _known(uid: str) -> Dashboard:
        if (found := pictures.dashboards.get(uid)) is None:
            raise NoSuchPath()
        return found


def _row(title: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    return {"title": title, "panels": [_drawn(panel) for panel in panels]}


def _drawn(panel: Panel) -> dict[str, Any]:
    """Return what the template needs, and the panel's definition for the browser."""
    definition = {"id": panel.number, "type": panel.kind, **panel.drawn}
    return {
        "number": panel.number,
        "kind": panel.kind,
        "title": panel.drawn.get("title", ""),
        "description": panel.drawn.get("description", ""),
        "definition": orjson.dumps(definition).decode(),
    }
