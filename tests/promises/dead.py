"""Dead: only what can never be applied is dead-lettered; an outage is not poison (promise 6)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import Planted, Refused
from tests.promises.violation import Violation

PROMISE = "In an outage no write is dead-lettered, whatever error the database reports."
#: Reason of letters whose entry was in hand when too many writers died. The injected faults alone can cause it.
_CRASH_LOOP = "crash_loop"
#: Reason of letters that failed several times for an unknown reason, while each control write succeeded.
_EXHAUSTED = "attempts_exhausted"
#: Reason of letters whose data the database called wrong, while the control write succeeded.
_INVALID = "invalid_data"


def check(case: Case) -> Iterator[Violation]:
    """Check that every dead letter has a cause: its write was made as poison, its entry was in hand when writers were
    killed, or the database refused its entity alone."""
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
