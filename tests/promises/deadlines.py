"""Deadlines: every request is answered within its deadline (promise 3)."""

from collections.abc import Iterator

from tests.promises.calls import PATHS
from tests.promises.case import Case
from tests.promises.history import Attempt, Unknown
from tests.promises.violation import Violation

PROMISE = "Every request is answered within its deadline, whatever is down behind the process that it was sent to."
#: Ends of attempts that have no answer because the client left or no server listened.
_OUR_OWN = ("hung up", "refused")


def check(case: Case) -> Iterator[Violation]:
    """Check that each request was answered in time, unless the process itself was broken meanwhile."""
    last_s = max((event.at_s for event in case.history.events), default=0.0)
    for attempt in case.history.attempts:
        end_s = attempt.end.at_s if attempt.end else last_s
        took_s = end_s - attempt.sent.at_s
        if case.history.broken(attempt.sent.target, attempt.sent.at_s, end_s):
            continue
        if took_s > _limit_s(case, attempt) or _unanswered(attempt):
            what = f"{attempt.sent.method} {attempt.sent.path} to {attempt.sent.target} took {took_s:.1f} s"
            end = attempt.end.why if isinstance(attempt.end, Unknown) else "answered" if attempt.end else "no end"
            yield Violation("hang", f"{what}: {end}", attempt.sent.path, attempt.sent.at_s)


def _limit_s(case: Case, attempt: Attempt) -> float:
    """Return the longest time that the answer may take."""
    external = attempt.sent.path.partition("?")[0] in PATHS
    limit_s = case.limits.external_s if external else case.limits.answer_s
    return limit_s if attempt.sent.within_s is None else min(limit_s, attempt.sent.within_s + case.limits.late_s)


def _unanswered(attempt: Attempt) -> bool:
    """Return whether a healthy process gave no answer at all."""
    end = attempt.end
    return end is None or (isinstance(end, Unknown) and not end.status and end.why not in _OUR_OWN)
