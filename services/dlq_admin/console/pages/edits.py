"""Edits: one letter changed by hand, many by a patch; each seen in full before it is made."""

import contextlib
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import Form, form_of, selection_json, valid
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.console.render.visible import written_out
from holdfast.services.dlq_admin.letters.models import LetterDetail
from holdfast.services.dlq_admin.rest.edits import EditInput, RevertInput, TransformInput
from holdfast.services.dlq_admin.rest.inputs import LETTER_ID, LetterId, actor_of
from holdfast.shared.errors import AppError, EditInvalid, InvalidRequest, OverBudget
from holdfast.shared.runtime.documents import parse

#: A patch that changes nothing, to begin with.
_EXAMPLE = '[\n  {"op": "move", "from": "/payload/full_name", "path": "/payload/name"}\n]'
#: Fields that a replay writes itself.
_TRACES = {"replay", "letter"}

Id = Annotated[LetterId, Path(pattern=LETTER_ID)]


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Edit, revert, transform."""

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
            asked = valid(EditInput, {"reason": form["reason"], "fields": _fields(form), "dry_run": not save})
            result = await backend.edits.edit(
                letter_id, asked.wanted(), actor_of(request, asked.reason), dry_run=not save
            )
        except (EditInvalid, InvalidRequest, OverBudget) as error:
            problem = _problem(error)
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
            problem=problem,
            result=result,
            reason=form["reason"],
        )

    @router.post("/console/letters/{letter_id}/revert")
    async def revert(request: Request, letter_id: Id) -> Response:
        form = form_of(request)
        asked = valid(RevertInput, {"reason": form["reason"], "to": form.number("to") or 0})
        await backend.edits.revert(letter_id, asked.to, actor_of(request, asked.reason), dry_run=False)
        return RedirectResponse(f"/console/letters/{letter_id}", 303)

    @router.post("/console/transforms")
    async def transform(request: Request) -> Response:
        form = form_of(request)
        selection = form.selection()
        patch = form["patch"] or _EXAMPLE
        about: dict[str, Any] = {
            "selection": selection_json(selection),
            "patch": patch,
            "reason": form["reason"],
            "result": None,
            "problem": None,
            "made": False,
            "allowance": await backend.allowances.of(request.scope["principal"].name),
        }
        if form["act"]:
            try:
                about |= await _transformed(
                    request, backend, form, selection.model_dump(exclude_none=True, by_alias=True)
                )
            except AppError as error:
                about["problem"] = _problem(error)
        return pages.page(request, "transform.html", 422 if about["problem"] else 200, **about)


async def _transformed(request: Request, backend: Backend, form: Form, selection: Any) -> dict[str, Any]:
    make = form["act"] == "make"
    wish = valid(
        TransformInput,
        {
            "selection": selection,
            "reason": form["reason"] or "a preview",
            "patch": _json(form["patch"], "the patch"),
            "expected_count": form.number("expected_count") if make else None,
            "dry_run": not make,
        },
    )
    if wish.expected_count is None:
        return {"result": await backend.edits.preview(wish.selection.to_selection(), wish.patch)}
    who = actor_of(request, wish.reason)
    return {
        "result": await backend.edits.transform(wish.selection.to_selection(), wish.patch, who, wish.expected_count),
        "made": True,
    }


def _to_edit(one: LetterDetail) -> tuple[str, str, str | None]:
    """(the payload, the other fields) that would be sent, as JSON to type in; and why they cannot be typed."""
    edits = one.lineage.edits if one.lineage else []
    fields = next((edit.fields for edit in edits if edit.number == one.edit), one.original)
    if any(field.cut or field.masked for field in fields):
        return "", "", "It is too large for this page. Change it by a transform."
    document: dict[str, Any] = {
        field.name: field.value for field in fields if isinstance(field.name, str) and field.name not in _TRACES
    }
    payload = document.pop("payload", "")
    with contextlib.suppress(orjson.JSONDecodeError, OverBudget):  # then as text, or as base64
        payload = parse(payload) if isinstance(payload, str) else payload
    return _text(payload), _text(document), None


def _fields(form: Form) -> dict[str, Any]:
    """The fields to set; removed fields are null. Raises InvalidRequest."""
    before, rest = _json(form["before"], "the fields"), _json(form["rest"], "the fields")
    if not isinstance(before, dict) or not isinstance(rest, dict):
        raise InvalidRequest("The other fields are a JSON object.")
    changed = {name: value for name, value in rest.items() if before.get(name) != value}
    gone = dict.fromkeys(before.keys() - rest.keys())
    return gone | changed | {"payload": _json(form["payload"], "the payload")}


def _json(text: str, what: str) -> Any:
    try:
        return parse(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{what.capitalize()} is not JSON: {error}") from None


def _problem(error: AppError) -> str:
    details = error.details or {}
    why = f"More than {details['most']} {details['budget']}." if isinstance(error, OverBudget) else details.get("why")
    return f"{error.message} {why}" if why else error.message


def _text(value: Any) -> str:
    return written_out(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
