"""Answers: no answer claims more than happened (promise 3)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import Ok
from tests.promises.violation import Violation
from tests.promises.writes import Intent

PROMISE = "An answer claims no more than happened: `applied` took effect, a definite error did not."


def check(case: Case) -> Iterator[Violation]:
    """Answers of writes and of operations, against what the database holds."""
    for intent in case.writes.intents:
        yield from _applied(case, intent.answers)
        if intent.refused:
            yield from _refused(case, intent)
    reads = (attempt.end for attempt in case.history.attempts if not attempt.is_write)
    yield from _applied(case, [answer for answer in reads if isinstance(answer, Ok) and answer.operation_id])


def _applied(case: Case, answers: "list[Ok] | tuple[Ok, ...]") -> Iterator[Violation]:
    for answer in answers:
        ended = case.writes.ended.get(answer.operation_id)
        found = (ended.code or ended.effect) if ended else "not over"
        claims = answer.state in ("applied", "superseded")
        if claims and not (ended and ended.effect == answer.state):
            what = f"was answered as {answer.state}, and is {found}"
            yield Violation("answer that lies", f"{answer.operation_id}: {what}", answer.operation_id, answer.at_s)
        if answer.state in ("rejected", "expired") and case.took_effect(answer.operation_id):
            what = f"was answered as {answer.state}, and took effect"
            yield Violation("answer that lies", f"{answer.operation_id}: {what}", answer.operation_id, answer.at_s)


def _refused(case: Case, intent: Intent) -> Iterator[Violation]:
    """All attempts were refused definitely."""
    others = {answer.operation_id for other in case.writes.intents if other is not intent for answer in other.answers}
    for operation_id in intent.operation_ids - others:
        if case.took_effect(operation_id):
            last = intent.attempts[-1].end
            code = getattr(last, "code", "")
            what = f"every attempt was refused definitely ({code}), and it took effect"
            yield Violation("answer that lies", f"{operation_id}: {what}", operation_id)
