"""Overview: `/dlq/overview` shows the state of the whole system, of which any part may be unknown without hiding the
others; `/ledger` shows where every accepted write is, as the auditor last read it."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.auditor.models import LastReading, LedgerReading, ledger_reading
from holdfast.services.dlq_admin.overview import Overview, SystemState
from holdfast.services.dlq_admin.rest.answers import answered, documented


def add_routes(app: FastAPI, overview: Overview, last: LastReading) -> None:
    """Add both routes."""

    @app.get(
        "/dlq/overview",
        **documented(
            "overview", "Show the state of the whole system", "The state; unknown values are null.", SystemState
        ),
    )
    async def get_overview(request: Request) -> Response:
        return answered(request, await overview.look())

    @app.get(
        "/ledger",
        **documented(
            "overview",
            "Show where every accepted write is",
            "The reading of `as_of`, a moment ago. Null once the last reading is too old, because a store, or a"
            " partition of it, does not answer or may be an old primary; `ledger_unread` of `/dlq/overview` says why.",
            LedgerReading | None,
        ),
    )
    async def get_ledger(request: Request) -> Response:
        reading = last()
        return answered(request, ledger_reading(reading) if reading else None)
