"""`/dlq/letters/{id}/edits` and `/dlq/transforms`: what will be sent, changed: one letter by hand, many by a patch. The
original stays."""

from typing import Any

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.allowances import used_up
from holdfast.shared.errors import (
    CountMismatch,
    EditInvalid,
    EditNotFound,
    LetterBusy,
    LetterNotFound,
    SelectionTooLarge,
    TransformNotFound,
)
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.allowance import Rules, UsedUp
from holdfast.shared.letters.edit import transforms
from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.edit.document import EditRefused, document, patched_fields
from holdfast.shared.letters.edit.patch import Operation
from holdfast.shared.letters.edit.transforms import Worked
from holdfast.shared.letters.edit.versions import Change
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.letters.what_if.trial import what_if


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
            "dry_run": dry_run,
            "changed": after is not None,
            "fields": mask.fields(fields, revealed=False),
            "what_if": {"verdict": verdict.verdict, "why": verdict.why},
        }

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
            "dry_run": dry_run,
            "edit": made,
            "reverts": to,
            "fields": mask.fields(fields, revealed=False),
            "what_if": {"verdict": verdict.verdict, "why": verdict.why},
        }

    async def preview(self, selection: Selection, patch: list[Operation]) -> dict[str, Any]:
        """On every letter, with what would become of each. Raises SelectionTooLarge, DatabaseUnavailable."""
        try:
            worked = await self._database.at_length(transforms.preview, selection, patch_change(patch), most=self._most)
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        return _worked(worked) | {
            "dry_run": True,
            "verdicts": {verdict.value: count for verdict, count in worked.verdicts.items()},
        }

    async def transform(
        self, selection: Selection, patch: list[Operation], who: Actor, expected: int
    ) -> dict[str, Any]:
        """Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable, OutcomeUnknown."""
        told = [each.model_dump(by_alias=True, exclude_unset=True) for each in patch]
        try:
            transform_id, worked = await self._database.change(
                transforms.make,
                selection,
                patch_change(patch),
                told,
                who,
                expected=expected,
                most=self._most,
                rules=self._rules,
            )
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


def _worked(worked: Worked) -> dict[str, Any]:
    sample = [
        {
            "id": id_of(before.number),
            "before": mask.payload(document(before.fields).get("payload"), before.fields, revealed=False),
            "after": mask.payload(document(after).get("payload"), after, revealed=False),
        }
        for before, after in worked.sample
    ]
    return worked.told() | {"count": worked.letters, "sample": sample}
