"""Requests: explains by a request's id why it was answered as it was."""

import re
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.requests import REQUEST_ID
from holdfast.shared.errors import ExplanationsUnavailable, RequestUnknown


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page, and a redirect from the address that REST uses."""

    @router.get("/console/requests/{request_id}")
    async def one(request_id: str) -> Response:
        return RedirectResponse(f"/console/requests?{urlencode({'id': request_id})}", 303)

    @router.get("/console/requests")
    async def explain(request: Request) -> Response:
        asked = request.query_params.get("id", "").strip()[:128]
        explained, problem, status = None, "", 200
        if asked and not re.fullmatch(REQUEST_ID, asked, re.ASCII):
            problem, status = "This is no id of a request: they have 8 to 128 letters, digits, dots, dashes.", 422
        elif asked:
            try:
                explained = await backend.requests.explained(asked)
            except (RequestUnknown, ExplanationsUnavailable) as error:
                problem, status = error.message, 200
        return pages.page(request, "requests.html", status, asked=asked, explained=explained, problem=problem)
