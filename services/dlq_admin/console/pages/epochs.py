"""Epochs: the ledger's balance, and when the queue lost memory and how many accepted writes with it."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.auditor.models import ledger_reading
from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.pages import Pages


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page."""

    @router.get("/console/epochs")
    async def epochs(request: Request) -> Response:
        epochs, reading = await backend.queue_memory.epochs(), backend.ledger()
        return pages.page(
            request,
            "epochs.html",
            epochs=epochs,
            ledger=ledger_reading(reading) if reading is not None else None,
            unread=backend.ledger_unread(),
        )
