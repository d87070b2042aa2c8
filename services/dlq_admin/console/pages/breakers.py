"""Breakers: the state of each replica's breakers and its reason, and an operator's override of a breaker in every
replica."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, problem_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.inputs import Input, Reason, actor_of
from holdfast.shared.errors import BreakerNotFound, FleetUnreachable, InvalidRequest
from holdfast.shared.fleet.order import Measure
from holdfast.shared.runtime.time_budgets import OVERRIDE_MAX_S, OVERRIDE_S

_MINUTE_S = 60.0


class _OverrideInput(Input):
    service: str = Field(min_length=1, max_length=100)
    name: str = Field(min_length=1, max_length=200)
    action: Measure
    reason: Reason
    for_min: Annotated[float, Field(gt=0, le=OVERRIDE_MAX_S / _MINUTE_S, allow_inf_nan=False)]


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page and its override."""

    @router.get("/console/breakers")
    async def breakers(request: Request) -> Response:
        return _shown(request, pages, backend, None)

    @router.post("/console/breakers")
    async def override(request: Request) -> Response:
        form = form_of(request)
        service, _, name = form["breaker"].partition("/")
        try:
            asked = {"service": service, "name": name, "for_min": form["for_min"]}
            wish = valid(_OverrideInput, asked | {field: form[field] for field in ("action", "reason")})
            who = actor_of(request, wish.reason)
            await backend.breakers.order(wish.service, wish.name, wish.action, who, wish.for_min * _MINUTE_S)
        except (BreakerNotFound, FleetUnreachable, InvalidRequest) as error:
            return _shown(request, pages, backend, problem_of(error))
        return RedirectResponse("/console/breakers?ordered=yes", 303)


def _shown(request: Request, pages: Pages, backend: Backend, problem: str | None) -> Response:
    form = form_of(request)
    return pages.page(
        request,
        "breakers.html",
        422 if problem else 200,
        breakers=backend.breakers.all(),
        measures=list(Measure),
        problem=problem,
        ordered=bool(form["ordered"]),
        asked=form,
        for_min=form["for_min"] or f"{OVERRIDE_S / _MINUTE_S:g}",
    )
