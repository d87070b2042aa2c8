"""Groups: letters that failed alike, and one group with its newest letters."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import form_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.rest.inputs import FINGERPRINT, Cursor, NoteInput, actor_of
from holdfast.shared.letters.find.groups import Order
from holdfast.shared.letters.find.selection import Filter
from holdfast.shared.letters.state import State

_PAGE = 25
_NEWEST = 10
_NOTED = "a note on a group"

Fingerprint = Annotated[str, Path(pattern=FINGERPRINT)]


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the list, one group, and its note."""

    @router.get("/console/groups")
    async def group_list(
        request: Request,
        every: bool = False,
        order: Order = Order.LAST,
        cursor: Cursor | None = None,
    ) -> Response:
        states = [] if every else [State.DEAD, State.REPLAYING]
        found, end = await backend.groups.page(states, cursor, _PAGE, order)
        return pages.page(request, "groups.html", groups=found, next=end, every=every, order=order, cursor=cursor)

    @router.get("/console/groups/{fingerprint}")
    async def group(request: Request, fingerprint: Fingerprint) -> Response:
        one = await backend.groups.one(fingerprint)
        newest, more = await backend.letters.page(Filter(fingerprint=fingerprint), None, _NEWEST)
        originals = await backend.letters.back_at_original(newest)
        return pages.page(request, "group.html", group=one, letters=newest, originals=originals, more=more is not None)

    @router.post("/console/groups/{fingerprint}/note")
    async def note(request: Request, fingerprint: Fingerprint) -> Response:
        word = valid(NoteInput, {"text": form_of(request)["text"]})
        await backend.groups.note(fingerprint, word.text, actor_of(request, _NOTED))
        return RedirectResponse(f"/console/groups/{fingerprint}", 303)
