"""Discards and restores: a decision on a selection, and its reversal. Nothing is deleted."""

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.outbox import Outbox
from holdfast.services.dlq_admin.letters.results import BulkResult
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.decide.change import Found
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.state import State


class Discards:
    """Discards and restores. `most`: letters of one call; `rules`: of a person's allowance."""

    def __init__(self, database: Database, dues: Outbox, *, most: int, rules: Rules) -> None:
        self._database = database
        self._dues = dues
        self._most = most
        self._rules = rules

    async def preview(self, selection: Selection, state: State) -> BulkResult:
        """What a change of letters in `state` would change. Raises SelectionTooLarge, DatabaseUnavailable."""
        found = await self._database.at_length(change.look, selection, {state}, most=self._most)
        return BulkResult(dry_run=True, **_counts(found))

    async def discard(self, selection: Selection, who: Actor, expected: int) -> BulkResult:
        """Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable, OutcomeUnknown."""
        found, audit_id = await self._database.change(
            change.discard, selection, who, expected=expected, most=self._most, rules=self._rules
        )
        return self._done(found, audit_id)

    async def restore(self, selection: Selection, who: Actor, expected: int) -> BulkResult:
        """Raises like `discard`; a reversal needs no allowance."""
        found, audit_id = await self._database.change(
            change.restore, selection, who, expected=expected, most=self._most
        )
        return self._done(found, audit_id)

    def _done(self, found: Found, audit_id: int) -> BulkResult:
        self._dues.wake()
        return BulkResult(dry_run=False, audit_id=audit_id, **_counts(found))


def _counts(found: Found) -> dict[str, object]:
    sample = [id_of(number) for number in found.sample]
    return {"count": len(found.numbers), "groups": found.per_group, "others": found.others, "sample": sample}
