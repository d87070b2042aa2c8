"""`/ledger`: where every accepted write is, as the auditor last read it."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.auditor.models import LastReading, LedgerReading, ledger_reading
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.shared.http.document import errors


def add_routes(app: FastAPI, last: LastReading) -> None:
    """The one route."""

    @app.get(
        "/ledger",
        tags=["overview"],
        summary="Where every accepted write is",
        responses=documented("As it was a moment ago; null while a store does not answer.", LedgerReading | None)
        | errors(),
    )
    async def read(_: Request) -> Response:
        reading = last()
        return answered(ledger_reading(reading) if reading else None)
