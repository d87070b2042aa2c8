"""`/ledger`: where every accepted write is, as the auditor last read it."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.auditor.auditor import Reading
from holdfast.services.dlq_admin.rest import schemas
from holdfast.shared.http.document import answer, errors
from holdfast.shared.http.envelope import precise, success
from holdfast.shared.writes.versions import to_datetime

LastReading = Callable[[], Reading | None]


def told(reading: Reading) -> dict[str, Any]:
    """As JSON has it."""
    ledger = reading.ledger
    return asdict(ledger) | {
        "accepted": ledger.accepted,
        "accounted": ledger.accounted,
        "missing": ledger.missing,
        "horizon": precise(to_datetime(ledger.horizon)) if ledger.horizon else None,
        "as_of": precise(datetime.fromtimestamp(reading.at_s, UTC)),
        "took_s": round(reading.took_s, 3),
    }


def add_routes(app: FastAPI, last: LastReading) -> None:
    """The one route."""

    @app.get(
        "/ledger",
        tags=["overview"],
        summary="Where every accepted write is",
        responses=answer("As it was a moment ago; null while a store does not answer.", schemas.LEDGER) | errors(),
    )
    async def read(_: Request) -> Response:
        reading = last()
        return success(told(reading) if reading else None, headers={"Cache-Control": "no-store"})
