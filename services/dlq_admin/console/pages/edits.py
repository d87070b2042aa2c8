"""Edits: change one letter by hand, with a preview before it is saved."""

import contextlib
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import REFUSALS, Form, form_of, json_of, json_text, problem_of, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.letters.models import LetterDetail
from holdfast.services.dlq_admin.rest.edits import EditInput, RevertInput
from holdfast.services.dlq_admin.rest.inputs import LETTER_ID, LetterId, actor_of
from holdfast.shared.errors import InvalidRequest, OverBudget
from holdfast.shared.runtime.documents import parse

#: Fields that a replay writes itself.
_TRACES = {"replay", "letter"}


Id = Annotated[LetterId, Path(pattern=LETTER_ID)]


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the edit and the revert."""

    @router.get("/console/letters/{letter_id}/edit")
    async def ask(request: Request, letter_id: Id) -> Response:
        await backend.letters.one(letter_id, who=None)
        return pages.page(request, "edit.html", id=letter_id, problem=None, reason="", payload=None, result=None)

    @router.post("/console/letters/{letter_id}/edit")
    async def begin(request: Request, letter_id: Id) -> Response:
        who = actor_of(request, valid(RevertInput, {"reason": form_of(request)["reason"]}).reason)
        one = await backend.letters.one(letter_id, who=who)
        payload, rest, why_not = _to_edit(one)
        return pages.page(
            request,
            "edit.html",
            id=letter_id,
            payload=payload,
            rest=rest,
            before=rest,
            edit=one.edit,
            problem=why_not,
            result=None,
            reason=who.reason,
        )

    @router.post("/console/letters/{letter_id}/edits")
    async def edit(request: Request, letter_id: Id) -> Response:
        form = form_of(request)
        save = form["act"] == "save"
        result, problem = None, None
        try:
            asked = valid(EditInput, _expected(form) | {"fields": _fields(form), "dry_run": not save})
            who = actor_of(request, asked.reason)
            result = await backend.edits.edit(
                letter_id, asked.wanted(), who, dry_run=not save, expected=asked.expected_edit
            )
        except REFUSALS as error:
            problem = problem_of(error)
        if save and result is not None:
            return RedirectResponse(f"/console/letters/{letter_id}", 303)
        return pages.page(
            request,
            "edit.html",
            422 if problem else 200,
            id=letter_id,
            payload=form["payload"],
            rest=form["rest"],
            before=form["before"],
            edit=form["expected_edit"],
            problem=problem,
            result=result,
            reason=form["reason"],
        )

    @router.post("/console/letters/{letter_id}/revert")
    async def revert(request: Request, letter_id: Id) -> Response:
        form = form_of(request)
        asked = valid(RevertInput, _expected(form) | {"to": form.number("to") or 0})
        who = actor_of(request, asked.reason)
        await backend.edits.revert(letter_id, asked.to, who, dry_run=False, expected=asked.expected_edit)
        return RedirectResponse(f"/console/letters/{letter_id}", 303)


def _expected(form: Form) -> dict[str, Any]:
    """Return the reason, and the edit that was in force when the page was shown."""
    return {"reason": form["reason"], "expected_edit": form.number("expected_edit")}


def _to_edit(one: LetterDetail) -> tuple[str, str, str | None]:
    """Return the payload and the other fields that would be sent, both as JSON to type in, and why they cannot be
    edited here."""
    edits = one.lineage.edits if one.lineage else []
    fields = next((edit.fields for edit in edits if edit.number == one.edit), one.original)
    if any(field.cut or field.masked for field in fields):
        return "", "", "It is too large for this page. Change it by a transform."
    document: dict[str, Any] = {
        field.name: field.value for field in fields if isinstance(field.name, str) and field.name not in _TRACES
    }
    payload = document.pop("payload", "")
    with contextlib.suppress(orjson.JSONDecodeError, OverBudget):  # otherwise the payload stays text, or base64
        payload = parse(payload) if isinstance(payload, str) else payload
    return json_text(payload), json_text(document), None


def _fields(form: Form) -> dict[str, Any]:
    """Return the fields to set; removed fields are None. Raises InvalidRequest."""
    before, rest = json_of(form["before"], "the fields"), json_of(form["rest"], "the fields")
    if not isinstance(before, dict) or not isinstance(rest, dict):
        raise InvalidRequest("The other fields are a JSON object.")
    changed = {name: value for name, value in rest.items() if before.get(name) != value}
    gone = dict.fromkeys(before.keys() - rest.keys())
    return gone | changed | {"payload": json_of(form["payload"], "the payload")}
