"""Results: what a decision, an edit or a what-if did or would do, as API answers show it."""

from typing import Any, Self

from pydantic import Field

from holdfast.services.dlq_admin.letters.models import FieldShown
from holdfast.services.dlq_admin.responses import Count, Counts, Moment, ResponseModel
from holdfast.shared.letters.decide.change import Found
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.what_if.prediction import Prediction


class BulkResult(ResponseModel):
    """What a change of a selection did, or would do. `others`: letters in another state, which are left unchanged."""

    dry_run: bool
    count: Count
    groups: Counts
    others: Counts
    sample: list[str]
    audit_id: Count = 0

    @classmethod
    def of(cls, found: Found, **more: Any) -> Self:
        """Return the result for the letters that were found."""
        sample = [id_of(number) for number in found.sample]
        return cls(count=len(found.numbers), groups=found.per_group, others=found.others, sample=sample, **more)


class ImportResult(ResponseModel):
    """Letters of a file: how many are new, and how many were already here."""

    dry_run: bool
    new: Count
    known: Count


class Allowance(ResponseModel):
    """How many letters a person may still change alone within the window."""

    actor: str
    letters: Count
    window_s: float
    left: Count
    more_at: Moment | None


class Change(ResponseModel):
    """A value before and after."""

    before: Any
    after: Any


class LetterVerdict(ResponseModel):
    """What would become of one letter, and what would change in its entity's row."""

    id: str
    verdict: Prediction
    why: str
    then: Prediction | None
    detail: dict[str, Any]
    entity_exists: bool
    #: Names of the fields of the entity's row, without those that the engine itself keeps there.
    fields: list[str]
    diff: dict[str, Change]


class WhatIfResult(ResponseModel):
    """What would become of a selection: counts of all letters, and verdicts of the first ones."""

    count: Count
    verdicts: Counts
    why: Counts
    others: Counts
    letters: list[LetterVerdict]
    masked: bool


class ShortVerdict(ResponseModel):
    """A verdict without its details."""

    verdict: Prediction
    why: str


class EditResult(ResponseModel):
    """An edit of one letter, saved or only checked."""

    dry_run: bool
    changed: bool
    fields: list[FieldShown]
    what_if: ShortVerdict


class RevertResult(ResponseModel):
    """The edit that goes back to an earlier one, or to the original (0)."""

    dry_run: bool
    edit: Count
    reverts: Count
    fields: list[FieldShown]
    what_if: ShortVerdict


class Difference(ResponseModel):
    """The payload of one letter before and after a transform, and its other fields that differ; masked."""

    id: str
    before: Any
    after: Any
    fields: dict[str, Change]


class TransformResult(ResponseModel):
    """A transform of a selection, saved or only previewed. A preview has `verdicts`."""

    dry_run: bool
    count: Count
    letters: Count
    edited: Count
    unchanged: Count
    refused: Counts
    sample: list[Difference]
    verdicts: Counts = Field(default_factory=dict)
    transform_id: Count = 0
    audit_id: Count = 0


class TransformRevertResult(ResponseModel):
    """A transform that was taken back. `left`: letters that were edited, sent or discarded since."""

    dry_run: bool
    count: Count
    left: Count
    audit_id: Count = 0
