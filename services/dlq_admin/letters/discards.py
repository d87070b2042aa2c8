"""`/dlq/discards` and `/dlq/restores`: a decision on a selection, and its way back. Nothing is deleted."""

from collections.abc import Callable
from functools import partial
from typing import Any

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.allowances import used_up
from holdfast.services.dlq_admin.letters.outbox import Dues
from holdfast.shared.errors import CountMismatch, SelectionTooLarge
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.allowance import Rules, UsedUp
from holdfast.shared.letters.decide.change import Found
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.state import State


class Discards:
    """The changes that routes and pages ask for."""

    def __init__(self, database: Database, dues: Dues, *, most: int, rules: Rules) -> None:
        self._database = database
        self._dues = dues
        self._most = most
        self._rules = rules

    async def look(self, selection: Selection, state: State) -> dict[str, Any]:
        """What a change of letters in `state` would change. Raises SelectionTooLarge, DatabaseUnavailable."""
        try:
            found = await self._database.at_length(change.look, selection, {state}, most=self._most)
        except change.TooMany:
            raise self._too_many() from None
        return _told(found) | {"dry_run": True}

    async def discard(self, selection: Selection, who: Actor, expected: int) -> dict[str, Any]:
        """Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable, OutcomeUnknown."""
        return await self._do(partial(change.discard, rules=self._rules), selection, who, expected)

    async def restore(self, selection: Selection, who: Actor, expected: int) -> dict[str, Any]:
        """Raises like `discard`; it takes a decision back, and so needs no allowance."""
        return await self._do(change.restore, selection, who, expected)

    async def _do(
        self, what: Callable[..., tuple[Found, int]], selection: Selection, who: Actor, expected: int
    ) -> dict[str, Any]:
        try:
            found, audit_id = await self._database.change(what, selection, who, expected=expected, most=self._most)
        except change.CountDiffers as differs:
            raise CountMismatch(details={"expected_count": expected, "actual_count": differs.actual}) from None
        except UsedUp as error:
            raise used_up(error) from None
        except change.TooMany:
            raise self._too_many() from None
        self._dues.hurry()
        return _told(found) | {"dry_run": False, "audit_id": audit_id}

    def _too_many(self) -> SelectionTooLarge:
        return SelectionTooLarge(details={"most": self._most})


def _told(found: Found) -> dict[str, Any]:
    sample = [id_of(number) for number in found.sample]
    return {"count": len(found.numbers), "groups": found.per_group, "others": found.others, "sample": sample}
