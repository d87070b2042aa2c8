"""`/dlq/audit`: who did what, why, to how many, by which request."""

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters import views as told
from holdfast.services.dlq_admin.rest import schemas
from holdfast.shared.errors import DatabaseUnavailable, InvalidRequest
from holdfast.shared.http.document import a_list, answer, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Deed


def add_routes(app: FastAPI, database: Database) -> None:
    """The one route."""

    @app.get(
        "/dlq/audit",
        tags=["audit"],
        summary="Everything that was done, the newest first",
        responses=answer("A page; `meta.next_cursor` leads to the next.", a_list(schemas.RECORD))
        | errors(InvalidRequest, DatabaseUnavailable),
    )
    async def read_audit(
        request: Request,
        who: Annotated[str | None, Query(alias="actor", max_length=64)] = None,
        action: Deed | None = None,
        cursor: Annotated[int | None, Query(ge=1, le=2**62)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        found = await database.read(audit.page, before=cursor, limit=limit + 1, actor=who, action=action)
        page = found[:limit]
        end = str(page[-1].id) if len(found) > limit else None
        meta = {"next_cursor": end, "request_id": request.scope["request_id"]}
        return success([told.record(row) for row in page], meta=meta, headers={"Cache-Control": "no-store"})
