"""Lost: no acknowledged write is lost (promise 1)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "No acknowledged write is lost."


def check(case: Case) -> Iterator[Violation]:
    """Every write that a client got a 200, 201 or 202 for is over in the database, or an open dead letter, or still on
    the stream when entries are left there."""
    if case.final.entries_left:
        return  # `leftovers` reports these; a write may be among them
    for intent in case.writes.intents:
        answer = intent.acknowledged
        if answer is None:
            continue
        operation_id = answer.operation_id
        home = operation_id in case.writes.ended or any(letter.open for letter in case.letters.get(operation_id, ()))
        if not home and not case.excused(answer):
            what = f"{intent.method} {intent.resource} was answered with {answer.status} and is nowhere"
            yield Violation("lost", f"{operation_id}: {what}", operation_id, answer.at_s)
