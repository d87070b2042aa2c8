"""Dead: only what can never be applied is dead-lettered; an outage is not poison (promise 6)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import Planted, Refused
from tests.promises.violation import Violation

PROMISE = "In an outage no write is dead-lettered, whatever error the database reports."
#: A writer died too often with the entry in hand: that can be the faults' doing.
_CRASH_LOOP = "crash_loop"
#: It was tried several times, and each time the database refused it and took a control write.
_EXHAUSTED = "attempts_exhausted"
#: The same, and the database called its data wrong.
_INVALID = "invalid_data"


def check(case: Case) -> Iterator[Violation]:
    """Every dead letter is of a write that was made to be poison, of an entry that killed its writers, or of an entity
    that the database refused alone."""
    poison = {planted.operation_id for planted in case.history.of(Planted) if planted.poison}
    entries = {planted.entry_id for planted in case.history.of(Planted) if planted.poison and planted.entry_id}
    poison |= {id for id, intent in case.writes.by_operation.items() if intent.poison}
    for intent in case.writes.intents:
        if intent.poison:
            poison |= intent.operation_ids
    refused = {id for refused in case.history.of(Refused) for id in refused.entities}
    kills = sum("writer" in fault.target for fault in case.history.faults)
    for letter in case.final.letters:
        if letter.operation_id in poison or letter.entry_id in entries:
            continue
        if letter.reason == _CRASH_LOOP and kills >= case.limits.deadly_kills:
            continue
        if letter.reason in (_EXHAUSTED, _INVALID) and letter.entity_id in refused:
            continue
        what = f"{letter.operation_id} is the dead letter {letter.id} ({letter.reason}: {letter.error})"
        yield Violation("falsely dead", what, letter.operation_id)
