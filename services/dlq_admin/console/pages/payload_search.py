"""Payload search: finds letters by the contents of their payloads. A post with a reason searches masked values too."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, problem_of, selection_json, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.console.render.selected import selected
from holdfast.services.dlq_admin.letters.payload_search import shown_fields
from holdfast.services.dlq_admin.rest.inputs import FilterInput, SelectionInput, actor_of
from holdfast.services.dlq_admin.rest.payload_search import PayloadSearchInput
from holdfast.shared.errors import InvalidRequest
from holdfast.shared.http.keys import OPERATE, require

_PAGE = 200


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page. The searched text is posted, because addresses are written to logs."""

    @router.get("/console/search")
    @router.post("/console/search")
    async def search(request: Request) -> Response:
        form = form_of(request)
        within = form.selection() if form["selection"] else SelectionInput(filter=FilterInput())
        posted = request.method == "POST"
        about = {name: form[name] if posted else "" for name in ("text", "field", "reason")} | {
            "within": selected(within.to_selection().to_json()),
            "selection": selection_json(within),
            "shown_fields": shown_fields(),
        }
        result, problem = None, None
        if posted:
            if form["reason"]:
                require(request, OPERATE)
            try:
                wish = _wish(form["text"], form["field"], form["reason"], form["cursor"], within)
                who = actor_of(request, wish.reason) if wish.reason is not None else None
                result = await backend.payload_search.find(
                    wish.filter.to_filter(), wish.contents(), wish.cursor, wish.limit, who=who
                )
            except InvalidRequest as error:
                problem = problem_of(error)
        status = 422 if problem else 200
        return pages.page(request, "search.html", status, result=result, problem=problem, **about)


def _wish(text: str, field: str, reason: str, cursor: str, within: SelectionInput) -> PayloadSearchInput:
    """Validate the search. Raises InvalidRequest."""
    wanted = within.filter or (FilterInput(fingerprint=within.fingerprint) if within.fingerprint else None)
    if wanted is None:
        raise InvalidRequest("Payloads can be searched in all letters, in a group, or in the letters of a search.")
    return valid(
        PayloadSearchInput,
        {
            "text": text,
            "field": field or None,
            "reason": reason or None,
            "cursor": cursor or None,
            "filter": wanted,
            "limit": _PAGE,
        },
    )
