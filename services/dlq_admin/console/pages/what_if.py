"""What-if: shows what would become of a selection if it were sent again."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import about_letters, form_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.decisions import WhatIfInput
from holdfast.services.dlq_admin.rest.inputs import actor_of
from holdfast.shared.letters.what_if.prediction import Prediction

_SHOWN = 50


def _reason(request: Request) -> str | None:
    """Return the reason to reveal masked values, from a post only: an operator can be tricked into following an
    address."""
    return form_of(request)["reveal"] or None if request.method == "POST" else None


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page. A post reveals what is masked."""

    @router.get("/console/what-if")
    @router.post("/console/what-if")
    async def what_if(request: Request) -> Response:
        form = form_of(request)
        selection = form.selection()
        wish = valid(WhatIfInput, {"selection": selection, "limit": _SHOWN, "reveal": _reason(request)})
        who = actor_of(request, wish.reveal) if wish.reveal is not None else None
        result = await backend.what_ifs.ask(wish.selection.to_selection(), wish.limit, who)
        return pages.page(
            request,
            "what_if.html",
            result=result,
            **about_letters(selection),
            order=[verdict.value for verdict in Prediction],
        )
