"""Case: one run as the checks take it. `Case(history, final, limits)`."""

from dataclasses import dataclass, field
from functools import cached_property

from tests.promises.disputes import Disputed, Disputes
from tests.promises.final import Entity, Final, Letter, Row
from tests.promises.history import AHEAD, History, Ok, Planted, Unknown
from tests.promises.limits import Limits
from tests.promises.writes import Intent, Writes


@dataclass(frozen=True)
class Case:
    """One run: what happened, what the stores hold at rest, and the limits that apply."""

    history: History
    final: Final
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def writes(self) -> Writes:
        """The writes that clients intended, and their operations."""
        return Writes(self.history, self.final)

    @cached_property
    def disputed(self) -> Disputed:
        """The operations and entities whose order of acceptance is not defined."""
        ahead = self.limits.partitions > 1 and any(each.kind == AHEAD for each in self.history.of(Planted))
        return Disputes(self.writes, self.final, self.limits.unique, forgets=self.forgets, ahead=ahead).found

    @cached_property
    def rows(self) -> dict[Entity, Row]:
        """The rows, by entity."""
        return {row.entity: row for row in self.final.rows}

    @cached_property
    def letters(self) -> dict[str, list[Letter]]:
        """The dead letters, by operation id."""
        found: dict[str, list[Letter]] = {}
        for letter in self.final.letters:
            found.setdefault(letter.operation_id, []).append(letter)
        return found

    @cached_property
    def gone(self) -> tuple[Ok, ...]:
        """The acknowledging answers of writes that are nowhere: not ended in the database, no open dead letter, and no
        entry is left on the stream that might be theirs."""
        if self.final.entries_left:
            return ()
        found = (intent.acknowledged for intent in self.writes.intents)
        return tuple(each for each in found if each and not self._has_home(each.operation_id))

    def _has_home(self, operation_id: str) -> bool:
        return operation_id in self.writes.ended or any(each.open for each in self.letters.get(operation_id, ()))

    def took_effect(self, operation_id: str) -> bool:
        """Return whether the database holds the operation as applied, at its place in the order."""
        ended = self.writes.ended.get(operation_id)
        return ended is not None and ended.effect in ("applied", "superseded")

    @cached_property
    def forgets(self) -> bool:
        """Whether the queue was made to lose data. What it received in the lost period is not promised."""
        return any(fault.forgets_since_s is not None for fault in self.history.faults)

    def forgotten(self, operation_id: str) -> bool:
        """Return whether the queue may have lost the operation. One that no answer named may be from any time."""
        intent = self.writes.by_operation.get(operation_id)
        answer = intent.acknowledged if intent else None
        return self.history.forgotten(answer) if answer else self.forgets

    def a_try_was_forgotten(self, intent: Intent) -> bool:
        """Return whether the queue may have lost an unacknowledged try of this write which a writer already had. That
        is so if an attempt has no known end, or was in progress at the loss: the api itself tries twice."""
        return any(
            self.forgets
            if isinstance(attempt.end, Unknown)
            else attempt.end is not None and self.history.forgot(attempt.sent.at_s, attempt.end.at_s)
            for attempt in intent.attempts
        )

    def excused(self, answer: Ok) -> bool:
        """Return whether the queue lost what it had acknowledged at the time of this answer, which is not promised."""
        return answer.state == "queued" and self.history.forgotten(answer)
