"""Audit: everything that was done, by whom and why."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.dlq_admin import told
from services.dlq_admin.console.desk import Desk
from services.dlq_admin.console.render import Pages
from shared.store.dead_letters import audit
from shared.store.dead_letters.audit import Deed

_PAGE = 50


def add_routes(router: APIRouter, pages: Pages, desk: Desk) -> None:
    """The one page."""

    @router.get("/console/audit")
    async def deeds(
        request: Request,
        who: Annotated[str, Query(alias="actor", max_length=64)] = "",
        action: Annotated[str, Query(max_length=20)] = "",
        cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> Response:
        found = await desk.database.read(
            audit.page, before=cursor, limit=_PAGE + 1, actor=who or None, action=action or None
        )
        rows = [told.record(row) for row in found[:_PAGE]]
        end = rows[-1]["id"] if len(found) > _PAGE else None
        return pages.page(
            request, "audit.html", deeds=rows, next=end, actor=who, action=action, actions=[deed.value for deed in Deed]
        )
