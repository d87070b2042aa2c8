"""Case: one run as the checks see it. `Case(history, final, limits)`."""

from dataclasses import dataclass, field
from functools import cached_property

from tests.promises.disputes import Disputed, Disputes
from tests.promises.final import Entity, Final, Letter, Row
from tests.promises.history import AHEAD, History, Ok, Planted, Unknown
from tests.promises.limits import Limits
from tests.promises.writes import Intent, Writes


@dataclass(frozen=True)
class Case:
    """What was done, what is left, and what it is held to."""

    history: History
    final: Final
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def writes(self) -> Writes:
        """What clients meant, and the operations of it."""
        return Writes(self.history, self.final)

    @cached_property
    def disputed(self) -> Disputed:
        """Where there is no order to compare with."""
        ahead = self.limits.partitions > 1 and any(each.kind == AHEAD for each in self.history.of(Planted))
        return Disputes(self.writes, self.final, self.limits.unique, forgets=self.forgets, ahead=ahead).found

    @cached_property
    def rows(self) -> dict[Entity, Row]:
        """By entity."""
        return {row.entity: row for row in self.final.rows}

    @cached_property
    def letters(self) -> dict[str, list[Letter]]:
        """By operation."""
        found: dict[str, list[Letter]] = {}
        for letter in self.final.letters:
            found.setdefault(letter.operation_id, []).append(letter)
        return found

    @cached_property
    def gone(self) -> tuple[Ok, ...]:
        """Answers to acknowledged writes that are nowhere: neither over, nor a letter, nor, maybe, on the stream."""
        if self.final.entries_left:
            return ()
        found = (intent.acknowledged for intent in self.writes.intents)
        return tuple(each for each in found if each and not self._has_home(each.operation_id))

    def _has_home(self, operation_id: str) -> bool:
        return operation_id in self.writes.ended or any(each.open for each in self.letters.get(operation_id, ()))

    def took_effect(self, operation_id: str) -> bool:
        """Whether the database holds it as applied, at its place in the order."""
        ended = self.writes.ended.get(operation_id)
        return ended is not None and ended.effect in ("applied", "superseded")

    @cached_property
    def forgets(self) -> bool:
        """Whether the queue was made to forget anything: what it had been given since is not promised."""
        return any(fault.forgets_since_s is not None for fault in self.history.faults)

    def forgotten(self, operation_id: str) -> bool:
        """Whether the queue may have been made to forget it: what no answer named may be of any time."""
        intent = self.writes.by_operation.get(operation_id)
        answer = intent.acknowledged if intent else None
        return self.history.forgotten(answer) if answer else self.forgets

    def a_try_was_forgotten(self, intent: Intent) -> bool:
        """Whether the queue may have been made to forget a try of it that was not acknowledged, and that a writer had:
        its end is not known, or it was under way then, as the api tries twice."""
        return any(
            self.forgets
            if isinstance(attempt.end, Unknown)
            else attempt.end is not None and self.history.forgot(attempt.sent.at_s, attempt.end.at_s)
            for attempt in intent.attempts
        )

    def excused(self, answer: Ok) -> bool:
        """Whether the queue was made to forget what it had acknowledged then: that is not promised."""
        return answer.state == "queued" and self.history.forgotten(answer)
