"""Decisions: change a selection of letters and reverse that (nothing is deleted); track how many letters a person may
still change alone, and a second person's consent to more; and read the audit of all that operators did."""

from holdfast.services.dlq_admin.cursors import Cursors
from holdfast.services.dlq_admin.database import Database, after_change
from holdfast.services.dlq_admin.letters.models import AuditRecord
from holdfast.services.dlq_admin.letters.outbox import Outbox
from holdfast.services.dlq_admin.letters.results import Allowance, BulkResult
from holdfast.shared.errors import AuditEntryNotFound, InvalidBody
from holdfast.shared.http.keys import OPERATE, Keys
from holdfast.shared.letters.audit import entries
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.decide import allowance, change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.decide.change import Found
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.state import State


class Discards:
    """Discards and restores letters. `most`: letters per call; `rules`: a person's allowance."""

    def __init__(self, database: Database, outbox: Outbox, *, most: int, rules: Rules) -> None:
        self._database = database
        self._outbox = outbox
        self._most = most
        self._rules = rules

    async def preview(self, selection: Selection, state: State) -> BulkResult:
        """Return what a change of letters in `state` would change. Raises SelectionTooLarge, DatabaseUnavailable."""
        found = await self._database.at_length(change.look, selection, {state}, most=self._most)
        return BulkResult.of(found, dry_run=True)

    async def discard(self, selection: Selection, who: Actor, expected: int) -> BulkResult:
        """Discard letters. Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable,
        OutcomeUnknown."""
        found, audit_id = await self._database.change(
            change.discard, selection, who, expected=expected, most=self._most, rules=self._rules
        )
        return self._done(found, audit_id)

    async def restore(self, selection: Selection, who: Actor, expected: int) -> BulkResult:
        """Restore discarded letters. Raises like `discard`, but a reversal needs no allowance."""
        found, audit_id = await self._database.change(
            change.restore, selection, who, expected=expected, most=self._most
        )
        return self._done(found, audit_id)

    def _done(self, found: Found, audit_id: int) -> BulkResult:
        self._outbox.wake()
        return BulkResult.of(found, dry_run=False, audit_id=audit_id)


class Allowances:
    """The allowances of operators. `rules`: how many letters in how long; `keys`: the known operators."""

    def __init__(self, database: Database, rules: Rules, keys: Keys) -> None:
        self._database = database
        self._rules = rules
        self._keys = keys

    async def of(self, name: str) -> Allowance:
        """Return what is left to a person. Raises DatabaseUnavailable."""
        left = await self._database.read(allowance.left, name, self._rules)
        return Allowance(
            actor=name,
            letters=self._rules.letters,
            window_s=self._rules.window_s,
            left=left.letters,
            more_at=left.more_at,
        )

    async def allow(self, to: str, letters: int, who: Actor) -> Allowance:
        """Let `to` change more letters, and return what is then left to `to`. Raises InvalidBody if no key that may
        change letters has that name, SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown."""
        if not self._keys.has(to, OPERATE):
            constraint = "must be the name of a key that has `operate`"
            raise InvalidBody(
                f"actor: {constraint}", details={"field": "actor", "value": None, "constraint": constraint}
            )
        await self._database.change(allowance.allow, to, letters, who)
        with after_change():
            return await self.of(to)


_CURSORS = Cursors("audit")
#: Actions that change the state or the edit of a letter.
_CHANGES = {
    AuditAction.DISCARD, AuditAction.RESTORE, AuditAction.EDIT, AuditAction.REVERT, AuditAction.TRANSFORM,
    AuditAction.REPLAY, AuditAction.PURGE,
}  # fmt: skip


class Audit:
    """The audit, which no service can change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, audit_id: int) -> AuditRecord:
        """Return an entry. Raises AuditEntryNotFound, DatabaseUnavailable."""
        found = await self._database.read(entries.one, audit_id)
        if found is None:
            raise AuditEntryNotFound(details={"id": audit_id})
        return AuditRecord.from_source(found)

    async def made_and_changed(self, entry: AuditRecord) -> tuple[AuditRecord | None, AuditRecord | None]:
        """Return, for the first letter of an entry, the transform that the entry took back, and the next change since.
        Raises DatabaseUnavailable."""
        around = [AuditRecord.from_source(each) for each in await self._database.read(entries.beside, entry.id)]
        number = (entry.details or {}).get("transform") if entry.action == AuditAction.REVERT else None
        made = (each for each in around if each.action == AuditAction.TRANSFORM and number is not None)
        since = (each for each in around if each.id > entry.id and each.action in _CHANGES)
        return next((each for each in made if (each.details or {}).get("transform") == number), None), next(since, None)

    async def page(
        self, actor: str | None, action: str | None, cursor: str | None, limit: int
    ) -> tuple[list[AuditRecord], str | None]:
        """Return entries, newest first, and the cursor of the next page. Raises InvalidCursor, DatabaseUnavailable."""
        before = _CURSORS.number(cursor)
        found = await self._database.read(entries.page, before=before, limit=limit + 1, actor=actor, action=action)
        end = _CURSORS.behind(found[limit - 1].id) if len(found) > limit else None
        return [AuditRecord.from_source(each) for each in found[:limit]], end
