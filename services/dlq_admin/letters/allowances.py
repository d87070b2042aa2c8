"""Allowances: how many letters a person may still change alone, and a second person's consent to more."""

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.results import Allowance
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import allowance
from holdfast.shared.letters.decide.allowance import Rules


class Allowances:
    """Allowances of operators. `rules`: how many letters in how long."""

    def __init__(self, database: Database, rules: Rules) -> None:
        self._database = database
        self._rules = rules

    async def of(self, name: str) -> Allowance:
        """What is left to a person. Raises DatabaseUnavailable."""
        left = await self._database.read(allowance.left, name, self._rules)
        return Allowance(
            actor=name,
            letters=self._rules.letters,
            window_s=self._rules.window_s,
            left=left.letters,
            more_at=left.more_at,
        )

    async def allow(self, to: str, letters: int, who: Actor) -> Allowance:
        """Let `to` change more letters; what is left to `to` then. Raises SecondPersonNeeded, DatabaseUnavailable,
        OutcomeUnknown."""
        await self._database.change(allowance.allow, to, letters, who)
        return await self.of(to)
