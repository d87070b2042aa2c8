"""Replays: preview, start with the count as confirmation, watch, control and continue."""

from collections.abc import Collection
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import (
    REFUSALS,
    Form,
    about_letters,
    form_of,
    problem_of,
    selection_json,
    valid,
)
from holdfast.services.dlq_admin.console.login.guard import RENEWAL
from holdfast.services.dlq_admin.console.render.advice import Advice, after_what_if
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.console.render.selected import selected
from holdfast.services.dlq_admin.replays.models import ReplaySummary
from holdfast.services.dlq_admin.rest.inputs import LETTER_ID, Cursor, LetterId, SelectionInput, actor_of
from holdfast.services.dlq_admin.rest.replays import OrderInput, ReplayInput
from holdfast.shared.errors import InvalidRequest, NoSuchPath
from holdfast.shared.http.keys import OPERATE
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import number_of
from holdfast.shared.letters.replays.plan import ACTIVE, RESULTS, ItemState, ReplayState
from holdfast.shared.letters.replays.steer import ORDERS

_PAGE = 25
_ITEMS = 50
_SAMPLE = 5
#: The order in which outcomes are shown.
_ORDER = [
    *RESULTS,
    ItemState.UNSENDABLE,
    ItemState.LOST,
    ItemState.RECALLED,
    ItemState.WITHDRAWN,
    ItemState.SENDING,
    ItemState.SENT,
    ItemState.WAITING,
]
_PLAN = {
    "rate": "500",
    "canary": "1, 5, 25",
    "in_flight": "2000",
    "failing": "20",
    "backlog": "20000",
    "age": "30",
    "breaker": "yes",
}

_ONE = "one letter, from its page"

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
LetterInPath = Annotated[LetterId, Path(pattern=LETTER_ID)]


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the list, one replay, a new one, and orders to one."""
    _add_many(router, pages, backend)
    _add_one(router, pages, backend)


def _add_many(router: APIRouter, pages: Pages, backend: Backend) -> None:

    @router.get("/console/replays")
    async def replay_list(request: Request, cursor: Cursor | None = None) -> Response:
        found, end = await backend.replays.page([], cursor, _PAGE)
        return pages.page(request, "replays.html", replays=found, next=end, cursor=cursor)

    @router.get("/console/replays/new")
    @router.post("/console/replays/new")
    async def plan(request: Request) -> Response:
        return await _planned(request, pages, backend, form_of(request))

    @router.post("/console/replays")
    async def create(request: Request) -> Response:
        form = form_of(request)
        try:
            wish = valid(ReplayInput, _asked(form, form.selection()))
            made = await backend.replays.create(
                wish.selection.to_selection(), wish.plan(), actor_of(request, wish.reason), wish.expected_count or 0
            )
        except REFUSALS as error:
            return await _planned(request, pages, backend, form, problem_of(error))
        return RedirectResponse(f"/console/replays/{made.id}", 303)


def _add_one(router: APIRouter, pages: Pages, backend: Backend) -> None:
    @router.post("/console/letters/{letter_id}/replay")
    async def at_once(request: Request, letter_id: LetterInPath) -> Response:
        reason = form_of(request)["reason"] or _ONE
        wish = valid(ReplayInput, {"selection": {"ids": [letter_id]}, "reason": reason, "expected_count": 1})
        made = await backend.replays.create(wish.selection.to_selection(), wish.plan(), actor_of(request, reason), 1)
        return RedirectResponse(f"/console/replays/{made.id}", 303)

    @router.get("/console/replays/{replay_id}")
    async def replay(
        request: Request,
        replay_id: Id,
        outcome: ItemState | None = None,
        cursor: Cursor | None = None,
    ) -> Response:
        one = await backend.replays.one(replay_id)
        if RENEWAL in request.headers and one.state == ReplayState.AWAITING_APPROVAL:
            return Response(status_code=204)  # its what-if is not run again for a page that only waits
        return pages.page(request, "replay.html", **await _about(request, backend, one, outcome, cursor), problem=None)

    @router.post("/console/replays/{replay_id}/{word}")
    async def say(request: Request, replay_id: Id, word: str) -> Response:
        if word not in ORDERS:
            raise NoSuchPath()
        try:
            asked = valid(OrderInput, {"reason": form_of(request)["reason"]})
            await backend.replays.order(replay_id, word, actor_of(request, asked.reason), dry_run=False)
        except REFUSALS as error:
            about = await _about(request, backend, await backend.replays.one(replay_id), None, None)
            return pages.page(request, "replay.html", 409, **about, problem=problem_of(error))
        return RedirectResponse(f"/console/replays/{replay_id}", 303)


async def _about(
    request: Request, backend: Backend, one: ReplaySummary, outcome: ItemState | None, cursor: str | None
) -> dict[str, Any]:
    """Return what the page shows of a replay and, for the approving person, what would become of its letters."""
    items, end = await backend.replays.items(one.id, [outcome] if outcome else [], cursor, _ITEMS)
    state = ReplayState(one.state)
    numbers = [number_of(item.letter_id) for item in items]
    waits = state is ReplayState.AWAITING_APPROVAL and request.scope["principal"].may(OPERATE) and numbers
    mine = one.created_by == _name(request)
    return {
        "replay": one,
        "items": items,
        "next": end,
        "cursor": cursor,
        "outcome": outcome,
        "order": [each.value for each in _ORDER],
        "live": state in ACTIVE,
        "mine": mine,
        "selected": selected(one.selection),
        "selection": _of_outcome(one.id, outcome) if outcome else "",
        "words": [word for word, meant in ORDERS.items() if state in meant.since and not (mine and word == "approve")],
        "tried": await backend.what_ifs.of_replayed(numbers) if waits else None,
        "sample": await backend.letters.of(Selection(numbers=tuple(numbers[:_SAMPLE])), _SAMPLE) if waits else [],
    }


def _of_outcome(replay_id: int, outcome: ItemState) -> str:
    """Return the selection of a replay's letters with one outcome, for further actions."""
    return selection_json(valid(SelectionInput, {"replay": {"id": replay_id, "outcomes": [outcome]}}))


async def _planned(
    request: Request, pages: Pages, backend: Backend, form: Form, problem: str | None = None
) -> Response:
    selection = form.selection()
    about: dict[str, Any] = {
        **about_letters(selection),
        "plan": _plan(form),
        "reason": form["reason"],
        "look": None,
        "tried": None,
        "problem": problem,
        "allowance": None,
    }
    try:
        about["allowance"] = await backend.allowances.of(_name(request))
        wish = valid(ReplayInput, _asked(form, selection) | {"dry_run": True, "reason": "a dry run"})
        about["look"] = await backend.replays.preview(wish.selection.to_selection(), wish.plan(), _name(request))
        about["tried"] = await _tried(backend, about["look"].groups)
    except REFUSALS as error:
        about["problem"] = about["problem"] or problem_of(error)
    return pages.page(request, "replay_new.html", 422 if about["problem"] else 200, **about)


async def _tried(backend: Backend, groups: Collection[str]) -> Advice | None:
    """Return what the last what-if of the only group advises, or None if there are several groups, or no what-if that
    still holds."""
    if len(groups) != 1:
        return None
    standing = (await backend.groups.one(*groups)).standing
    return after_what_if(standing.what_if, standing.edited) if standing and standing.what_if else None


def _name(request: Request) -> str:
    name: str = request.scope["principal"].name
    return name


def _asked(form: Form, selection: SelectionInput) -> dict[str, Any]:
    """Return the form's values in REST's format."""
    plan = _plan(form)
    try:
        failing = float(plan["failing"]) / 100
    except ValueError:
        raise InvalidRequest("The share that may fail must be a number from 0 to 100.") from None
    return {
        "selection": selection.model_dump(exclude_none=True, by_alias=True),
        "reason": form["reason"],
        "expected_count": form.number("expected_count"),
        "rate_per_s": plan["rate"],
        "canary": [] if plan["canary"] == "none" else plan["canary"].replace(",", " ").split(),
        "in_flight_max": plan["in_flight"],
        "stop": {
            "failing_share": failing,
            "backlog_max": plan["backlog"],
            "backlog_age_s": plan["age"],
            "breaker": plan["breaker"] == "yes",
        },
    }


def _plan(form: Form) -> dict[str, str]:
    """Return the plan that the page shows and the replay gets: an empty field has its default, but an empty checkbox
    beside other fields is off."""
    plan = {name: form[name] or default for name, default in _PLAN.items()}
    return plan | {"breaker": form["breaker"]} if form.all("rate") else plan
