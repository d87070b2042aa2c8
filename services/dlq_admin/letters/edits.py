"""Edits: change what will be sent of one letter by hand, or of many letters by a JSON Patch. The original stays."""

from collections.abc import Mapping

from holdfast.services.dlq_admin.database import Database, after_change, certain_if
from holdfast.services.dlq_admin.letters.results import Change as Shown
from holdfast.services.dlq_admin.letters.results import (
    Difference,
    EditResult,
    RevertResult,
    ShortVerdict,
    TransformResult,
    TransformRevertResult,
)
from holdfast.services.dlq_admin.letters.suggestion import Step, suggested
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.edit import transforms, versions
from holdfast.shared.letters.edit.document import document, patched_fields
from holdfast.shared.letters.edit.patch import Operation
from holdfast.shared.letters.edit.transforms import Worked
from holdfast.shared.letters.edit.versions import Change, Current
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.trial import what_if


def patch_change(patch: list[Operation]) -> Change:
    """Return a patch as a change of one letter's fields."""
    return lambda fields, entry_id, work: patched_fields(fields, patch, entry_id, work)


class Edits:
    """Edits letters and transforms selections. `most`: letters per transform; `rules`: a person's allowance."""

    def __init__(self, database: Database, *, most: int, rules: Rules) -> None:
        self._database = database
        self._most = most
        self._rules = rules

    async def edit(
        self, letter_id: str, wanted: Change, who: Actor, *, dry_run: bool, expected: int | None
    ) -> EditResult:
        """Edit one letter, if edit `expected` is in force; None: whichever is. Raises LetterNotFound, LetterBusy,
        EditOutdated, EditInvalid, DatabaseUnavailable, OutcomeUnknown."""
        number = number_of(letter_id)
        with certain_if(dry_run):
            before, after = await self._database.change(
                versions.edit, number, wanted, who, dry_run=dry_run, expected=expected
            )
            fields = after.fields if after else before.fields
            with after_change():
                verdict = await self._verdict(number, fields)
        return EditResult(
            dry_run=dry_run,
            changed=after is not None,
            fields=mask.fields(fields, revealed=False),
            what_if=verdict,
        )

    async def revert(self, letter_id: str, to: int, who: Actor, *, dry_run: bool, expected: int | None) -> RevertResult:
        """Go back to edit `to` (0: the original), if edit `expected` is in force; None: whichever is. Raises
        LetterNotFound, LetterBusy, EditOutdated, EditNotFound, DatabaseUnavailable, OutcomeUnknown."""
        number = number_of(letter_id)
        with certain_if(dry_run):
            made, fields = await self._database.change(
                versions.revert, number, to, who, dry_run=dry_run, expected=expected
            )
            with after_change():
                verdict = await self._verdict(number, fields)
        return RevertResult(
            dry_run=dry_run, edit=made, reverts=to, fields=mask.fields(fields, revealed=False), what_if=verdict
        )

    async def suggested(self, selection: Selection) -> list[Step]:
        """Return a patch to start from, based on the newest dead letter of a selection. Raises SelectionTooLarge,
        DatabaseUnavailable."""
        found = await self._database.at_length(change.look, selection, {State.DEAD}, most=self._most)
        newest = found.numbers[-1:]
        current = await self._database.read(versions.look, newest)
        return suggested(current[newest[0]].fields) if newest else []

    async def preview(self, selection: Selection, patch: list[Operation]) -> TransformResult:
        """Return what a transform would do to every letter, and what would become of each. Raises SelectionTooLarge,
        DatabaseUnavailable."""
        worked = await self._database.at_length(transforms.preview, selection, patch_change(patch), most=self._most)
        verdicts = {verdict.value: count for verdict, count in worked.verdicts.items()}
        return TransformResult(dry_run=True, verdicts=verdicts, **_counts(worked))

    async def transform(
        self, selection: Selection, patch: list[Operation], who: Actor, expected: int
    ) -> TransformResult:
        """Edit every letter. Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable,
        OutcomeUnknown."""
        transform_id, worked = await self._database.change(
            transforms.make,
            selection,
            patch_change(patch),
            [each.model_dump(by_alias=True, exclude_unset=True) for each in patch],
            who,
            expected=expected,
            most=self._most,
            rules=self._rules,
        )
        return TransformResult(dry_run=False, transform_id=transform_id, audit_id=worked.audit_id, **_counts(worked))

    async def revert_transform(self, transform_id: int, who: Actor, expected: int | None) -> TransformRevertResult:
        """Undo a transform; with `expected` None, only count. Raises TransformNotFound, CountMismatch,
        SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        with certain_if(dry_run=expected is None):
            reverted, left, audit_id = await self._database.change(
                transforms.revert, transform_id, who, expected=expected, most=self._most
            )
        return TransformRevertResult(dry_run=expected is None, count=reverted, left=left, audit_id=audit_id)

    async def verdict(self, letter_id: str) -> ShortVerdict:
        """Return what would become of an existing letter as it is now. Raises DatabaseUnavailable."""
        number = number_of(letter_id)
        current = await self._database.read(versions.look, [number])
        return await self._verdict(number, current[number].fields)

    async def _verdict(self, number: int, fields: Mapping[bytes, bytes]) -> ShortVerdict:
        verdict = (await self._database.read(what_if, {number: fields}))[number]
        return ShortVerdict(verdict=verdict.verdict, why=verdict.why)


def _counts(worked: Worked) -> dict[str, object]:
    sample = [_difference(before, after) for before, after in worked.sample]
    return worked.counts() | {"count": worked.letters, "sample": sample}


def _difference(one: Current, after: Mapping[bytes, bytes]) -> Difference:
    before = one.fields
    names = [name for name in {**before, **after} if name != b"payload" and before.get(name) != after.get(name)]
    return Difference(
        id=id_of(one.number),
        before=_payload(before),
        after=_payload(after),
        fields={str(mask.name(name)): Shown(before=_field(name, before), after=_field(name, after)) for name in names},
    )


def _field(name: bytes, fields: Mapping[bytes, bytes]) -> object:
    """Return the masked value of a field, or None if there is no such field."""
    if name not in fields:
        return None
    [shown] = mask.fields({name: fields[name]}, revealed=False)
    return shown.get("value", f"{len(fields[name])} bytes, masked")


def _payload(fields: Mapping[bytes, bytes]) -> object:
    return mask.payload(document(fields).get("payload"), fields, revealed=False)
