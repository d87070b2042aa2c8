"""`/failures`: the responses to clients that were not good."""

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.failures.failures import Failures
from holdfast.services.dlq_admin.failures.models import FailureReport
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.shared.errors import ExplanationsUnavailable, InvalidRequest
from holdfast.shared.http.failures.group import MINUTES

_Text = Annotated[str | None, Query(max_length=200)]


def add_routes(app: FastAPI, failures: Failures) -> None:
    """Add the route."""

    @app.get(
        "/failures",
        **documented(
            "failures",
            "List, in groups, the responses to clients that were not good",
            "Errors, refusals, copies and late answers of all replicas, by route, type, code, dependency and"
            " build: how many, since when, how many clients, whether retries helped, and what began at the"
            " same time. With `mistakes=true` also errors that callers made.",
            FailureReport,
            InvalidRequest,
            ExplanationsUnavailable,
        ),
    )
    async def get_failures(
        request: Request,
        minutes: Annotated[int, Query(ge=1, le=MINUTES)] = MINUTES,
        route: _Text = None,
        code: _Text = None,
        mistakes: bool = False,
    ) -> Response:
        return answered(request, await failures.report(minutes, route=route, code=code, mistakes=mistakes))
