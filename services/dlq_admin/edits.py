"""`/dlq/letters/{id}/edits` and `/dlq/transforms`: what will be sent, changed: one letter by hand, many by a patch. The
original stays."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from fastapi import FastAPI, Path
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.allowances import used_up
from holdfast.services.dlq_admin.ask import BODY_ERRORS, LETTER_ID, BulkAsked, LetterId, Reason, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.errors import (
    AllowanceUsedUp,
    BodyTooLarge,
    CountMismatch,
    DatabaseUnavailable,
    DocumentTooLarge,
    EditInvalid,
    EditNotFound,
    InvalidRequest,
    LetterBusy,
    LetterNotFound,
    MalformedJson,
    OutcomeUnknown,
    OverBudget,
    SelectionTooLarge,
    TransformNotFound,
)
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters import mask
from holdfast.shared.letters.edit import EditRefused, document, edited, patched_fields
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.letters.patch import Operation
from holdfast.shared.letters.selection import Selection
from holdfast.shared.letters.store import change, edits, transforms
from holdfast.shared.letters.store.allowance import Rules, UsedUp
from holdfast.shared.letters.store.audit import Actor
from holdfast.shared.letters.store.edits import Change
from holdfast.shared.letters.store.transforms import Worked
from holdfast.shared.letters.store.what_if import what_if
from holdfast.shared.runtime.documents import WorkBudget

_PATCH_MAX = 100


class EditAsked(BaseModel):
    """One of: a new `payload`; `fields` to set by name (null takes one away); a JSON Patch of the whole document."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    payload: Any = None
    fields: dict[str, Any] | None = Field(default=None, min_length=1, max_length=100)
    patch: list[Operation] | None = Field(default=None, min_length=1, max_length=_PATCH_MAX)
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if len({"payload", "fields", "patch"} & self.model_fields_set) != 1:
            raise ValueError("exactly one of payload, fields, patch")
        if "payload" not in self.model_fields_set and self.fields is None and self.patch is None:
            raise ValueError("null changes nothing")
        return self

    def wanted(self) -> Change:
        """As the store takes it."""
        if self.patch is not None:
            return patch_change(self.patch)

        def by_hand(fields: Mapping[bytes, bytes], entry_id: str, _: WorkBudget) -> Any:
            told = document(fields)
            told |= self.fields if self.fields is not None else {"payload": self.payload}
            taken = {name for name, value in (self.fields or {}).items() if value is None}
            return edited(fields, {name: value for name, value in told.items() if name not in taken}, entry_id)

        return by_hand


class RevertAsked(BaseModel):
    """`to`: the number of an edit; 0 is the original."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    to: int = Field(default=0, ge=0, le=10**6)
    dry_run: bool = False


class TransformAsked(BulkAsked):
    """The patch is of each letter's document: its fields by name, `payload` as JSON."""

    patch: list[Operation] = Field(min_length=1, max_length=_PATCH_MAX)


class TransformRevertAsked(BaseModel):
    """Without `dry_run` the count has to be typed back."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    expected_count: int | None = Field(default=None, ge=0, le=10**9)
    dry_run: bool = False


def patch_change(patch: list[Operation]) -> Change:
    """A patch as the store takes it."""
    return lambda fields, entry_id, work: patched_fields(fields, patch, entry_id, work)


class Edits:
    """The changes that routes and pages ask for."""

    def __init__(self, database: Database, *, most: int, rules: Rules) -> None:
        self._database = database
        self._most = most
        self._rules = rules

    async def edit(self, letter_id: str, wanted: Change, who: Actor, *, dry_run: bool) -> dict[str, Any]:
        """What it changes, and what would become of it. Raises LetterNotFound, LetterBusy, EditInvalid,
        DatabaseUnavailable, OutcomeUnknown."""
        number = number_of(letter_id)
        try:
            before, after = await self._database.change(edits.edit, number, wanted, who, dry_run=dry_run)
        except KeyError:
            raise LetterNotFound(details={"id": letter_id}) from None
        except edits.NotDead as busy:
            raise LetterBusy(details={"why": str(busy)}) from None
        except EditRefused as refused:
            raise EditInvalid(details={"why": str(refused)}) from None
        fields = after.fields if after else before.fields
        verdict = (await self._database.read(what_if, {number: fields}))[number]
        return {
            "dry_run": dry_run, "changed": after is not None, "fields": mask.fields(fields, revealed=False),
            "what_if": {"verdict": verdict.verdict, "why": verdict.why},
        }  # fmt: skip

    async def revert(self, letter_id: str, to: int, who: Actor, *, dry_run: bool) -> dict[str, Any]:
        """Raises LetterNotFound, LetterBusy, EditNotFound, DatabaseUnavailable, OutcomeUnknown."""
        number = number_of(letter_id)
        try:
            made, fields = await self._database.change(edits.revert, number, to, who, dry_run=dry_run)
        except KeyError:
            raise LetterNotFound(details={"id": letter_id}) from None
        except edits.NotDead as busy:
            raise LetterBusy(details={"why": str(busy)}) from None
        except edits.NoSuchEdit:
            raise EditNotFound(details={"edit": to}) from None
        verdict = (await self._database.read(what_if, {number: fields}))[number]
        return {
            "dry_run": dry_run, "edit": made, "reverts": to, "fields": mask.fields(fields, revealed=False),
            "what_if": {"verdict": verdict.verdict, "why": verdict.why},
        }  # fmt: skip

    async def preview(self, selection: Selection, patch: list[Operation]) -> dict[str, Any]:
        """On every letter, with what would become of each. Raises SelectionTooLarge, DatabaseUnavailable."""
        try:
            worked = await self._database.at_length(transforms.preview, selection, patch_change(patch), most=self._most)
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        return _worked(worked) | {
            "dry_run": True, "verdicts": {verdict.value: count for verdict, count in worked.verdicts.items()},
        }  # fmt: skip

    async def transform(
        self, selection: Selection, patch: list[Operation], who: Actor, expected: int
    ) -> dict[str, Any]:
        """Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable, OutcomeUnknown."""
        told = [each.model_dump(by_alias=True, exclude_unset=True) for each in patch]
        try:
            transform_id, worked = await self._database.change(
                transforms.make, selection, patch_change(patch), told, who, expected=expected, most=self._most,
                rules=self._rules,
            )  # fmt: skip
        except UsedUp as error:
            raise used_up(error) from None
        except change.CountDiffers as differs:
            raise CountMismatch(details={"expected_count": expected, "actual_count": differs.actual}) from None
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        return _worked(worked) | {"dry_run": False, "transform_id": transform_id}

    async def revert_transform(self, transform_id: int, who: Actor, expected: int | None) -> dict[str, Any]:
        """`expected` None: look only. Raises TransformNotFound, CountMismatch, SelectionTooLarge, DatabaseUnavailable,
        OutcomeUnknown."""
        try:
            reverted, left = await self._database.change(
                transforms.revert, transform_id, who, expected=expected, most=self._most
            )
        except transforms.NoSuchTransform:
            raise TransformNotFound(details={"id": transform_id}) from None
        except change.CountDiffers as differs:
            raise CountMismatch(details={"expected_count": expected, "actual_count": differs.actual}) from None
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        return {"dry_run": expected is None, "count": reverted, "left": left}


def add_routes(app: FastAPI, made: Edits) -> None:
    """All four."""
    one = (
        InvalidRequest,
        MalformedJson,
        BodyTooLarge,
        DocumentTooLarge,
        LetterNotFound,
        LetterBusy,
        DatabaseUnavailable,
        OutcomeUnknown,
    )
    many = (*BODY_ERRORS, OverBudget, CountMismatch, SelectionTooLarge, DatabaseUnavailable,
            OutcomeUnknown)  # fmt: skip

    @app.post(
        "/dlq/letters/{letter_id}/edits", tags=["edits"], summary="Change what will be sent of one dead letter",
        responses=answer("What it changes, and what would become of it.", schemas.EDITED) | errors(EditInvalid, *one),
        openapi_extra=body(EditAsked, {"reason": "It was cut", "payload": {"name": "Ada", "email": "a@b.example"}}),
    )  # fmt: skip
    async def edit_letter(request: Request, letter_id: Annotated[LetterId, Path(pattern=LETTER_ID)]) -> Response:
        wish = await asked(request, EditAsked)
        who = actor(request, wish.reason)
        return success(await made.edit(letter_id, wish.wanted(), who, dry_run=wish.dry_run))

    @app.post(
        "/dlq/letters/{letter_id}/revert", tags=["edits"], summary="Go back to an earlier edit, or to the original",
        responses=answer("The edit that does it.", schemas.REVERTED) | errors(EditNotFound, *one),
        openapi_extra=body(RevertAsked, {"reason": "It was right before", "to": 0}),
    )  # fmt: skip
    async def revert_letter(request: Request, letter_id: Annotated[LetterId, Path(pattern=LETTER_ID)]) -> Response:
        wish = await asked(request, RevertAsked)
        who = actor(request, wish.reason)
        return success(await made.revert(letter_id, wish.to, who, dry_run=wish.dry_run))

    @app.post(
        "/dlq/transforms", tags=["edits"], summary="Change many dead letters by one JSON Patch",
        responses=answer(
            "Its counts and the first differences; on a dry run also what would become of every letter.",
            schemas.TRANSFORMED,
        )
        | errors(AllowanceUsedUp, *many),
        openapi_extra=body(
            TransformAsked,
            {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "The field was renamed", "dry_run": True,
             "patch": [{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}]},
        ),
    )  # fmt: skip
    async def transform_letters(request: Request) -> Response:
        wish = await asked(request, TransformAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await made.preview(wish.selection.meant(), wish.patch))
        who = actor(request, wish.reason)
        return success(await made.transform(wish.selection.meant(), wish.patch, who, wish.expected_count))

    @app.post(
        "/dlq/transforms/{transform_id}/revert", tags=["edits"], summary="Take a transform back",
        responses=answer(
            "How many letters went back; `left`: those that were edited, sent or discarded since.", schemas.TAKEN_BACK
        )
        | errors(TransformNotFound, *many),
        openapi_extra=body(TransformRevertAsked, {"reason": "The wrong field", "expected_count": 120}),
    )  # fmt: skip
    async def revert_transform(request: Request, transform_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Response:
        wish = await asked(request, TransformRevertAsked)
        if not wish.dry_run and wish.expected_count is None:
            raise InvalidRequest("expected_count is needed; a dry_run tells it.", code="INVALID_BODY")
        expected = None if wish.dry_run else wish.expected_count
        return success(await made.revert_transform(transform_id, actor(request, wish.reason), expected))


def _worked(worked: Worked) -> dict[str, Any]:
    sample = [
        {"id": id_of(before.number),
         "before": mask.value(document(before.fields).get("payload"), revealed=False),
         "after": mask.value(document(after).get("payload"), revealed=False)}
        for before, after in worked.sample
    ]  # fmt: skip
    return worked.told() | {"count": worked.letters, "sample": sample}
