"""`/dlq/audit`: who did what, why, to how many letters, by which request."""

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.decisions import Audit
from holdfast.services.dlq_admin.letters.models import AuditRecord
from holdfast.services.dlq_admin.rest.answers import documented, page
from holdfast.services.dlq_admin.rest.inputs import Cursor
from holdfast.shared.errors import DatabaseUnavailable, InvalidCursor
from holdfast.shared.letters.audit.entries import AuditAction


def add_routes(app: FastAPI, log: Audit) -> None:
    """Add the route."""

    @app.get(
        "/dlq/audit",
        **documented(
            "audit",
            "List the entries of the audit, the newest first",
            "A page; `meta.next_cursor` is the cursor of the next page.",
            list[AuditRecord],
            InvalidCursor,
            DatabaseUnavailable,
        ),
    )
    async def list_audit(
        request: Request,
        who: Annotated[str | None, Query(alias="actor", max_length=64)] = None,
        action: AuditAction | None = None,
        cursor: Cursor | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        found, end = await log.page(who, action, cursor, limit)
        return page(request, found, end)
