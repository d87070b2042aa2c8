"""Recovery: when the fault ends, everything recovers by itself (promise 5)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import AtRest, Ok
from tests.promises.violation import Violation

PROMISE = "When the last fault is mended, the system comes to rest in the stated time, and answers as usual."


def check(case: Case) -> Iterator[Violation]:
    """From the mending to rest, and the requests after that."""
    for rest in case.history.of(AtRest):
        took_s = rest.at_s - rest.mended_s
        if took_s > case.limits.recovery_s:
            what = f"it came to rest after {took_s:.1f} s; {case.limits.recovery_s:.0f} s are stated"
            yield Violation("slow recovery", what, at_s=rest.mended_s)
        for attempt in case.history.attempts:
            end = attempt.end
            if attempt.sent.at_s <= rest.at_s or attempt.sent.poison:
                continue
            usual = (isinstance(end, Ok) and not end.degraded) or (end and 400 <= getattr(end, "status", 0) < 500)
            if not usual:
                what = f"{attempt.sent.method} {attempt.sent.path} after all was mended ended as {end}"
                yield Violation("slow recovery", what, attempt.sent.path, attempt.sent.at_s)
