"""Lost: no acknowledged write is lost (promise 1)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "No acknowledged write is lost."


def check(case: Case) -> Iterator[Violation]:
    """Every write that a client got a 200, 201 or 202 for is over in the database, or an open dead letter, or still on
    the stream when entries are left there."""
    for answer in case.gone:  # entries left on the stream, of which one may be it, are reported by `leftovers`
        if not case.excused(answer):
            intent = case.writes.by_operation[answer.operation_id]
            what = f"{intent.method} {intent.resource} was answered with {answer.status} and is nowhere"
            yield Violation("lost", f"{answer.operation_id}: {what}", answer.operation_id, answer.at_s)
