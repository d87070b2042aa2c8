"""Transforms: change many letters by one patch, with a preview before it is applied."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.forms import (
    REFUSALS,
    Form,
    about_letters,
    form_of,
    json_of,
    json_text,
    problem_of,
    selection_json,
    valid,
)
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.letters.results import TransformResult
from holdfast.services.dlq_admin.letters.suggestion import has_blank
from holdfast.services.dlq_admin.rest.edits import Patch, TransformInput
from holdfast.services.dlq_admin.rest.inputs import Input, SelectionInput, actor_of
from holdfast.shared.letters.edit.patch import Operation

#: Longest address that browsers, proxies and chats pass on intact.
_ADDRESS_MAX_CHARS = 4000


class _PatchInput(Input):
    patch: Patch


def add_routes(router: APIRouter, pages: Pages, backend: Backend) -> None:
    """Add the page. The result of a transform is an audit entry."""

    @router.get("/console/transforms")
    @router.post("/console/transforms")
    async def transform(request: Request) -> Response:
        form = form_of(request)
        selection = form.selection()
        suggested = [] if form["patch"] else await backend.edits.suggested(selection.to_selection())
        about: dict[str, Any] = {
            **about_letters(selection),
            "patch": form["patch"] or json_text(suggested),
            "suggestion": bool(suggested),
            "blank": any(has_blank(step) for step in suggested),
            "newest": next(iter(await backend.letters.of(selection.to_selection(), 1)), None),
            "reason": form["reason"],
            "result": None,
            "problem": None,
            "allowance": await backend.allowances.of(request.scope["principal"].name),
        }
        if request.method == "POST" and form["act"] == "make":
            try:
                made = await _transform(request, backend, form, selection)
                return RedirectResponse(f"/console/audit/{made.audit_id}", 303)
            except REFUSALS as error:
                about["problem"] = problem_of(error)
        if request.method == "POST" and form["act"] == "preview" and (address := _address(form, selection)):
            return RedirectResponse(address, 303)
        if form["act"]:
            try:
                about["result"] = await backend.edits.preview(selection.to_selection(), _patch(about["patch"]))
            except REFUSALS as error:
                about["problem"] = about["problem"] or problem_of(error)
        return pages.page(request, "transform.html", 422 if about["problem"] else 200, **about)


def _address(form: Form, selection: SelectionInput) -> str | None:
    """Return the address of the preview, which can be passed on to another person. Return None if the patch is too long
    for an address."""
    asked = {"selection": selection_json(selection), "patch": form["patch"], "act": "preview"}
    address = f"/console/transforms?{urlencode(asked)}"
    return address if len(address) <= _ADDRESS_MAX_CHARS else None


async def _transform(request: Request, backend: Backend, form: Form, selection: SelectionInput) -> TransformResult:
    asked = {
        "selection": selection,
        "reason": form["reason"],
        "patch": json_of(form["patch"], "the patch"),
        "expected_count": form.number("expected_count"),
    }
    wish = valid(TransformInput, asked)
    who = actor_of(request, wish.reason)
    return await backend.edits.transform(wish.selection.to_selection(), wish.patch, who, wish.expected_count or 0)


def _patch(text: str) -> list[Operation]:
    return valid(_PatchInput, {"patch": json_of(text, "the patch")}).patch
