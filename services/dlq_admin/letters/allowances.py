"""`/dlq/allowances`: how many letters a person may still change alone, and a second person's word for more."""

from typing import Any

from holdfast.services.dlq_admin.database import Database
from holdfast.shared.errors import AllowanceUsedUp, SecondPersonNeeded
from holdfast.shared.http.envelope import precise
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import allowance
from holdfast.shared.letters.decide.allowance import Left, Rules, UsedUp


class Allowances:
    """The question and the word that routes and pages ask."""

    def __init__(self, database: Database, rules: Rules) -> None:
        self._database = database
        self.rules = rules

    async def of(self, name: str) -> dict[str, Any]:
        """What is left to somebody. Raises DatabaseUnavailable."""
        return self._told(name, await self._database.read(allowance.left, name, self.rules))

    async def allow(self, to: str, letters: int, who: Actor) -> dict[str, Any]:
        """What is left to `to` then. Raises SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown."""
        try:
            await self._database.change(allowance.allow, to, letters, who)
        except allowance.SamePerson:
            raise SecondPersonNeeded() from None
        return await self.of(to)

    def _told(self, name: str, left: Left) -> dict[str, Any]:
        return {
            "actor": name,
            "letters": self.rules.letters,
            "window_s": self.rules.window_s,
            "left": left.letters,
            "more_at": precise(left.more_at) if left.more_at else None,
        }


def used_up(error: UsedUp) -> AllowanceUsedUp:
    """As a caller is told."""
    more_at = precise(error.left.more_at) if error.left.more_at else None
    details = {"needed": error.needed, "left": error.left.letters, "more_at": more_at}
    return AllowanceUsedUp(details=details)
