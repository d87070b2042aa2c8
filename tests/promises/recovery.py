"""Recovery: when the faults end, everything recovers by itself (promise 5)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import AtRest, Attempt, Fail, Ok
from tests.promises.violation import Violation

PROMISE = "When the last fault is mended, the system comes to rest in the stated time, and answers as usual."


def check(case: Case) -> Iterator[Violation]:
    """Check the time from mending to rest, and the answers after that. An overloaded machine can make a process miss
    its own limits at any time, so the last answer counts if a client repeats a request."""
    for rest in case.history.of(AtRest):
        took_s, stated_s = rest.at_s - rest.mended_s, case.limits.recovery_s + rest.paced_s
        if took_s > stated_s:
            what = f"it came to rest after {took_s:.1f} s; {stated_s:.0f} s are stated"
            yield Violation("slow recovery", what, at_s=rest.mended_s)
        later = [each for each in case.history.attempts if each.sent.at_s > rest.at_s and not each.sent.poison]
        last = {(each.sent.client, each.sent.method, each.sent.path, each.sent.key): each for each in later}
        for attempt in last.values():
            until_s = attempt.end.at_s if attempt.end else attempt.sent.at_s
            if not usual(attempt) and not case.history.broken(attempt.sent.target, attempt.sent.at_s, until_s):
                what = f"{attempt.sent.method} {attempt.sent.path} after all was mended ended as {attempt.end}"
                yield Violation("slow recovery", what, attempt.sent.path, attempt.sent.at_s)


def usual(attempt: Attempt) -> bool:
    """Return whether the attempt ended as in a healthy system: with fresh data, or refused because of the request."""
    match attempt.end:
        case Ok(degraded=degraded):
            return not degraded
        case Fail(status=status):
            return 400 <= status < 500
        case _:
            return False
