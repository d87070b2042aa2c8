"""`/dlq/letters/{id}/edits` and `/dlq/transforms`: change what will be sent of one letter by hand, or of many by a
patch. The original stays."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from fastapi import FastAPI, Path
from pydantic import Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.edits import Edits, patch_change
from holdfast.services.dlq_admin.letters.results import EditResult, RevertResult, TransformResult, TransformRevertResult
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import (
    LETTER_ID,
    BulkInput,
    Input,
    LetterId,
    Reason,
    actor_of,
    read_input,
)
from holdfast.shared.errors import (
    AllowanceUsedUp,
    CountMismatch,
    DatabaseUnavailable,
    EditInvalid,
    EditNotFound,
    EditOutdated,
    InvalidBody,
    LetterBusy,
    LetterNotFound,
    OutcomeUnknown,
    OverBudget,
    SelectionTooLarge,
    TransformNotFound,
)
from holdfast.shared.letters.edit.document import document, edited
from holdfast.shared.letters.edit.patch import Operation
from holdfast.shared.letters.edit.versions import Change
from holdfast.shared.runtime.documents import WorkBudget

_PATCH_MAX = 100
#: The edit that has to be in force, or None.
ExpectedEdit = Annotated[
    int | None,
    Field(ge=0, le=10**6, description="Number of the edit that has to be in force (0: the original); absent: any"),
]
Patch = Annotated[list[Operation], Field(min_length=1, max_length=_PATCH_MAX)]


class EditInput(Input):
    """An edit by exactly one of: a new `payload`; `fields` to set by name (null removes a field); a JSON Patch of the
    whole document."""

    reason: Reason
    payload: Any = None
    fields: dict[str, Any] | None = Field(default=None, min_length=1, max_length=100)
    patch: list[Operation] | None = Field(default=None, min_length=1, max_length=_PATCH_MAX)
    expected_edit: ExpectedEdit = None
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if len({"payload", "fields", "patch"} & self.model_fields_set) != 1:
            raise ValueError("must have exactly one of payload, fields, patch")
        if "payload" not in self.model_fields_set and self.fields is None and self.patch is None:
            raise ValueError("null changes nothing")
        return self

    def wanted(self) -> Change:
        """Return the edit for the store."""
        if self.patch is not None:
            return patch_change(self.patch)

        def by_hand(fields: Mapping[bytes, bytes], entry_id: str, _: WorkBudget) -> Any:
            changed = document(fields)
            changed |= self.fields if self.fields is not None else {"payload": self.payload}
            taken = {name for name, value in (self.fields or {}).items() if value is None}
            return edited(fields, {name: value for name, value in changed.items() if name not in taken}, entry_id)

        return by_hand


class RevertInput(Input):
    """A revert of a letter. `to`: the number of an edit; 0 is the original."""

    reason: Reason
    to: int = Field(default=0, ge=0, le=10**6)
    expected_edit: ExpectedEdit = None
    dry_run: bool = False


class TransformInput(BulkInput):
    """A transform of a selection. The patch applies to each letter's document: its fields by name, `payload` as
    JSON."""

    patch: Patch


class TransformRevertInput(Input):
    """A revert of a transform. Without `dry_run`, the expected count is required."""

    reason: Reason
    expected_count: int | None = Field(default=None, ge=0, le=10**9)
    dry_run: bool = False


def add_routes(app: FastAPI, made: Edits) -> None:
    """Add all four routes."""
    one = (LetterNotFound, LetterBusy, EditOutdated, DatabaseUnavailable, OutcomeUnknown)
    many = (OverBudget, CountMismatch, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown)

    @app.post(
        "/dlq/letters/{letter_id}/edits",
        **documented(
            "edits",
            "Edit one dead letter: change the fields that a replay will send",
            "What the edit changes, and what would become of the letter.",
            EditResult,
            EditInvalid,
            *one,
            sent=(EditInput, {"reason": "It was cut", "payload": {"name": "Ada Lovelace"}}),
        ),
    )
    async def edit_letter(request: Request, letter_id: Annotated[LetterId, Path(pattern=LETTER_ID)]) -> Response:
        wish = await read_input(request, EditInput)
        who = actor_of(request, wish.reason)
        result = await made.edit(letter_id, wish.wanted(), who, dry_run=wish.dry_run, expected=wish.expected_edit)
        return answered(request, result)

    @app.post(
        "/dlq/letters/{letter_id}/revert",
        **documented(
            "edits",
            "Return a dead letter to an earlier edit, or to the original",
            "The new edit, which restores the earlier fields.",
            RevertResult,
            EditNotFound,
            *one,
            sent=(RevertInput, {"reason": "It was right before", "to": 0}),
        ),
    )
    async def revert_letter(request: Request, letter_id: Annotated[LetterId, Path(pattern=LETTER_ID)]) -> Response:
        wish = await read_input(request, RevertInput)
        who = actor_of(request, wish.reason)
        result = await made.revert(letter_id, wish.to, who, dry_run=wish.dry_run, expected=wish.expected_edit)
        return answered(request, result)

    @app.post(
        "/dlq/transforms",
        **documented(
            "edits",
            "Change many dead letters by one JSON Patch",
            "Counts and the first differences; on a dry run also a verdict on each letter.",
            TransformResult,
            AllowanceUsedUp,
            *many,
            sent=(
                TransformInput,
                {
                    "selection": {"fingerprint": "0123456789abcdef"},
                    "reason": "The field was renamed",
                    "dry_run": True,
                    "patch": [{"op": "move", "from": "/payload/full_name", "path": "/payload/name"}],
                },
            ),
        ),
    )
    async def transform_letters(request: Request) -> Response:
        wish = await read_input(request, TransformInput)
        if wish.dry_run or wish.expected_count is None:
            return answered(request, await made.preview(wish.selection.to_selection(), wish.patch))
        who = actor_of(request, wish.reason)
        return answered(
            request, await made.transform(wish.selection.to_selection(), wish.patch, who, wish.expected_count)
        )

    @app.post(
        "/dlq/transforms/{transform_id}/revert",
        **documented(
            "edits",
            "Undo a transform",
            "How many letters were changed back. `left`: letters that were edited, sent or discarded since.",
            TransformRevertResult,
            TransformNotFound,
            *many,
            sent=(TransformRevertInput, {"reason": "The wrong field", "expected_count": 120}),
        ),
    )
    async def revert_transform(request: Request, transform_id: Annotated[int, Path(ge=1, le=2**63 - 1)]) -> Response:
        wish = await read_input(request, TransformRevertInput)
        if not wish.dry_run and wish.expected_count is None:
            raise InvalidBody(
                "expected_count is needed; a dry run returns it.",
            )
        expected = None if wish.dry_run else wish.expected_count
        return answered(request, await made.revert_transform(transform_id, actor_of(request, wish.reason), expected))
