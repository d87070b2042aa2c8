"""`/requests/{id}`: why a recent request was answered as it was, and what became of its write."""

from typing import Annotated

from fastapi import FastAPI, Path
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.requests.explain import ExplainedRequest, Requests
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.shared.errors import ExplanationsUnavailable, InvalidRequest, RequestUnknown

REQUEST_ID = r"^[A-Za-z0-9._-]{8,128}$"


def add_routes(app: FastAPI, requests: Requests) -> None:
    """Add the route."""

    @app.get(
        "/requests/{request_id}",
        **documented(
            "requests",
            "Explain why a recent request was answered as it was",
            "Each service's part, each decision with its numbers and in words, and what became of the write."
            " Explanations are kept for minutes, and only of writes, of requests that did not simply succeed,"
            " and of requests with `X-Explain`.",
            ExplainedRequest,
            InvalidRequest,
            RequestUnknown,
            ExplanationsUnavailable,
        ),
    )
    async def get_request(request: Request, request_id: Annotated[str, Path(pattern=REQUEST_ID)]) -> Response:
        return answered(request, await requests.explained(request_id))
