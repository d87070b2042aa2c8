"""Answers: no answer claims more than happened (promise 3)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import AtRest, Fail, Ok
from tests.promises.violation import Violation
from tests.promises.writes import Intent

PROMISE = "An answer claims no more than happened: `applied` took effect, a definite error did not."
#: The position of the version in a UUID's text, and the version of a UUID that holds a time. After a loss only
#: operations with such an id can be named as lost.
_VERSION, _TIMED = 14, "7"


def check(case: Case) -> Iterator[Violation]:
    """Compare the answers to writes and to reads of operations with what the database holds."""
    for intent in case.writes.intents:
        yield from _applied(case, intent.answers)
        if intent.refused:
            yield from _refused(case, intent)
    reads = (attempt.end for attempt in case.history.attempts if not attempt.is_write)
    yield from _applied(case, [answer for answer in reads if isinstance(answer, Ok) and answer.operation_id])
    yield from _looked_up(case)


def _looked_up(case: Case) -> Iterator[Violation]:
    """Check reads of operations at rest: an acknowledged operation exists, or is reported as lost."""
    rest_s = min((rest.at_s for rest in case.history.of(AtRest)), default=float("inf"))
    gone = {answer.operation_id for answer in case.gone}
    acknowledged = {answer.operation_id for intent in case.writes.intents for answer in intent.answers}
    for attempt in case.history.attempts:
        resource, _, id = attempt.sent.path.strip("/").partition("/")
        if resource != "operations" or attempt.sent.at_s < rest_s or id not in acknowledged:
            continue
        is_named = id[_VERSION] == _TIMED and not _by_a_wrong_clock(case, id)
        if isinstance(attempt.end, Fail) and attempt.end.status == 404 and is_named:
            yield Violation("lost in silence", f"{id}: it was acknowledged, and its operation is not found", id)
        if isinstance(attempt.end, Ok) and (attempt.end.state == "lost") != (id in gone):
            what = f"is {attempt.end.state}, and {'nowhere' if id in gone else 'not lost'}"
            yield Violation("answer that lies", f"{id}: {what}", id, attempt.sent.at_s)


def _by_a_wrong_clock(case: Case, id: str) -> bool:
    """Return whether the id may hold a wrong time, because the clock of the api that made it was wrong then."""
    made = (
        attempt for attempt in case.writes.by_operation[id].attempts if attempt.end and attempt.end.operation_id == id
    )
    return any(
        fault.what.startswith("clock_")
        and fault.target == attempt.sent.target
        and fault.at_s <= attempt.sent.at_s <= fault.until_s
        for attempt in made
        for fault in case.history.faults
    )


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
    """Check a write whose every attempt was refused definitely: it must have had no effect."""
    others = {answer.operation_id for other in case.writes.intents if other is not intent for answer in other.answers}
    for operation_id in intent.operation_ids - others:
        if case.took_effect(operation_id):
            last = intent.attempts[-1].end
            code = getattr(last, "code", "")
            what = f"every attempt was refused definitely ({code}), and it took effect"
            yield Violation("answer that lies", f"{operation_id}: {what}", operation_id)
