"""Lost: no acknowledged write is lost (promise 1)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "No acknowledged write is lost."


def check(case: Case) -> Iterator[Violation]:
    """Check that every write that was answered 200, 201 or 202 has ended in the database or is an open dead letter. If
    entries are left on the stream, the write may be one of them."""
    for answer in case.gone:  # `leftovers` reports entries that are left on the stream
        if not case.excused(answer):
            intent = case.writes.by_operation[answer.operation_id]
            what = f"{intent.method} {intent.resource} was answered with {answer.status} and is nowhere"
            yield Violation("lost", f"{answer.operation_id}: {what}", answer.operation_id, answer.at_s)
