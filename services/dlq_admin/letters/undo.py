"""Undo: reverses an action from its audit entry, as long as that is possible."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from holdfast.services.dlq_admin.letters.decisions import Discards
from holdfast.services.dlq_admin.letters.edits import Edits
from holdfast.services.dlq_admin.letters.models import AuditRecord, LetterSummary
from holdfast.services.dlq_admin.letters.results import BulkResult
from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.shared.errors import NothingToUndo
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.state import State


class Undo(NamedTuple):
    """What an undo would do: its name, and to how many letters. `do` performs it, and returns where the result is
    shown."""

    name: str
    letters: int
    do: Callable[[Actor, int], Awaitable[str]]


class Undos:
    """Finds and performs the undo of audit entries."""

    def __init__(self, discards: Discards, edits: Edits, letters: Letters) -> None:
        self._discards = discards
        self._edits = edits
        self._letters = letters

    async def of(self, entry: AuditRecord, who: Actor) -> Undo | None:
        """Return the undo of an entry, or None if nothing is left to undo or the action cannot be undone. Raises
        SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        details = entry.details or {}
        match entry.action:
            case AuditAction.DISCARD:
                return await self._switch(entry, State.DISCARDED, "Restore", self._discards.restore)
            case AuditAction.RESTORE | AuditAction.IMPORT:
                return await self._switch(entry, State.DEAD, "Discard", self._discards.discard)
            case AuditAction.TRANSFORM:
                return await self._transform(details["transform"], who)
            case AuditAction.EDIT | AuditAction.REVERT if "edit" in details:
                return await self._edit(entry, details["edit"], details["from"])
            case _:
                return None

    async def do(self, entry: AuditRecord, who: Actor, expected: int) -> str:
        """Undo an entry, and return the page that shows the result. Raises NothingToUndo, CountMismatch,
        AllowanceUsedUp, LetterBusy, EditOutdated, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        undo = await self.of(entry, who)
        if undo is None:
            raise NothingToUndo(details={"audit": entry.id})
        return await undo.do(who, expected)

    async def _switch(
        self,
        entry: AuditRecord,
        state: State,
        name: str,
        change: Callable[[Selection, Actor, int], Awaitable[BulkResult]],
    ) -> Undo | None:
        # Letters that were changed since are left to whoever changed them.
        selection = Selection(audit=entry.id, untouched=True)

        async def do(who: Actor, expected: int) -> str:
            result = await change(selection, who, expected)
            return f"/console/audit/{result.audit_id}"

        found = await self._discards.preview(selection, state)
        return Undo(name, found.count, do) if found.count else None

    async def _transform(self, number: int, who: Actor) -> Undo | None:
        async def do(who: Actor, expected: int) -> str:
            result = await self._edits.revert_transform(number, who, expected)
            return f"/console/audit/{result.audit_id}"

        found = await self._edits.revert_transform(number, who, None)
        return Undo("Take the transform back", found.count, do) if found.count else None

    async def _edit(self, entry: AuditRecord, made: int, before: int) -> Undo | None:
        one = await self._letter(entry.id)
        if one is None or (one.state, one.edit) != (State.DEAD, made):
            return None
        letter_id = one.id

        async def do(who: Actor, _: int) -> str:
            await self._edits.revert(letter_id, before, who, dry_run=False, expected=made)
            return f"/console/letters/{letter_id}"

        return Undo(f"Back to edit {before}" if before else "Back to the original", 1, do)

    async def _letter(self, audit_id: int) -> LetterSummary | None:
        found = await self._letters.of(Selection(audit=audit_id), 1)
        return found[0] if found else None
