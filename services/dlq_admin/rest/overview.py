"""`/dlq/overview`: the state of the system in one look. Every part of it may be unknown; none hides the others."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.overview import Overview, SystemState
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.shared.http.document import errors


def add_routes(app: FastAPI, overview: Overview) -> None:
    """The one route."""

    @app.get(
        "/dlq/overview",
        tags=["overview"],
        summary="The state of the system in one look",
        responses=documented("What is not known is null.", SystemState) | errors(),
    )
    async def read_overview(_: Request) -> Response:
        return answered(await overview.look())
