"""`/dlq/overview`: the state of the system in one look. Every part of it may be unknown; none keeps the others."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.overview import Overview
from holdfast.services.dlq_admin.rest import schemas
from holdfast.shared.http.document import answer, errors
from holdfast.shared.http.envelope import success


def add_routes(app: FastAPI, overview: Overview) -> None:
    """The one route."""

    @app.get(
        "/dlq/overview",
        tags=["overview"],
        summary="The state of the system in one look",
        responses=answer("What is not known is null.", schemas.OVERVIEW) | errors(),
    )
    async def read_overview(_: Request) -> Response:
        return success(await overview.told(), headers={"Cache-Control": "no-store"})
