"""External: the third party's data is genuine and as fresh as its answer states, and its breaker opens only for total
failure (promises 3 and 5)."""

from collections.abc import Iterator, Sequence

from tests.promises.calls import PATHS
from tests.promises.case import Case
from tests.promises.final import Arrival
from tests.promises.history import Ok, Opened
from tests.promises.violation import Violation

PROMISE = "The third party's data is fresh, or a copy that says its age; only total failure keeps calls from it."
#: Seconds that one call may take. A copy is dated by the arrival of the answer, the third party's log by the call's.
_TRY_S = 2.0
#: The breaker's window in seconds, with the delay until a fault shows in it.
_WINDOW_S = 35.0
#: Consecutive failed calls that open the breaker, and calls without an answer in time that do.
_IN_A_ROW, _UNREACHABLE = 20, 5
#: Faults in which the third party answers at once.
_ANSWERS = ("", "fail", "throttle", "invalid_json", "wrong_content_type", "truncated_body")
_SLOW_S = 1.0
#: Largest difference between the clock of the history and that of the third party's log.
_SKEW_S = 0.5
_THIRD_PARTY = "third-party"
_NOT_THERE = ("kill", "freeze", "gone")


def check(case: Case) -> Iterator[Violation]:
    """Compare reads of the third party's data, and openings of breakers, with the third party's own log."""
    arrivals = case.final.arrivals or ()
    numbered = {arrival.number: arrival for arrival in arrivals if arrival.number}
    for attempt in case.history.attempts if numbered else ():
        answer, path = attempt.end, attempt.sent.path.partition("?")[0]
        if path not in PATHS or attempt.sent.method != "GET" or not isinstance(answer, Ok):
            continue
        wrong = _wrong(case, attempt.sent.at_s, answer, numbered)
        if wrong:
            yield Violation("stale", f"GET {path} of {attempt.sent.client}: {wrong}", path, attempt.sent.at_s)
    yield from _pestered(case, arrivals)
    for opened in case.history.of(Opened):
        calls = [each for each in arrivals if each.peer == opened.process and each.method == opened.method]
        broken = _broken(case, opened.process, opened.at_s - _WINDOW_S, opened.at_s)
        if not (broken or _total(opened, calls)):
            what = f"{opened.process} opened its breaker while the third party answered"
            yield Violation("partial failure made total", what, opened.process, opened.at_s)


def _wrong(case: Case, sent_s: float, answer: Ok, numbered: dict[int, Arrival]) -> str:
    """Return what is wrong with the answer, or an empty text."""
    if not answer.shown:
        return "" if answer.degraded else "an answer without the third party's data is not marked"
    arrival = numbered.get(answer.shown[0].version)
    if arrival is None or arrival.method != "GET":
        return "it shows what the third party never answered"
    if answer.age_s is None:
        late = arrival.at_s < sent_s - _SKEW_S
        return f"data that was {sent_s - arrival.at_s:.1f} s old is not marked as a copy" if late else ""
    older_s = sent_s - arrival.at_s - answer.age_s
    allowed_s = _TRY_S + case.limits.clock_s
    return f"a copy says {answer.age_s:.1f} s, and is {older_s:.1f} s older" if older_s > allowed_s else ""


def _pestered(case: Case, arrivals: Sequence[Arrival]) -> Iterator[Violation]:
    """Check that `Retry-After` is obeyed, per process and kind of call. Excused is a process that was broken meanwhile,
    or whose link was: a call may be in flight for long, and a restarted process does not know that it has to wait."""
    for asked in arrivals:
        end_s = asked.at_s + asked.retry_after_s - _SKEW_S
        calls = (each for each in arrivals if (each.peer, each.method) == (asked.peer, asked.method))
        early = sum(asked.at_s + asked.slow_s + _SKEW_S < each.at_s < end_s for each in calls) if asked.peer else 0
        if early and not _broken(case, asked.peer, asked.at_s, end_s):
            what = f"{asked.peer} was asked to wait {asked.retry_after_s:g} s, and made {early} calls meanwhile"
            yield Violation("stampede", what, asked.peer, asked.at_s)


def _broken(case: Case, process: str, begin_s: float, end_s: float) -> bool:
    """Return whether a fault affected the process, its link to the third party, or the third party itself, other than
    in how it answers."""
    for fault in case.history.faults:
        ends = fault.target.split(">")
        outside = ends[-1] == _THIRD_PARTY and (len(ends) > 1 or fault.what in _NOT_THERE)
        if fault.at_s <= end_s and begin_s - _SLOW_S <= fault.until_s and (process in ends or outside):
            return True
    return False


def _total(opened: Opened, calls: Sequence[Arrival]) -> bool:
    """Return whether all of the last calls before the opening failed."""
    recent = [each for each in calls if opened.at_s - _WINDOW_S <= each.at_s <= opened.at_s]
    unreachable = sum(each.fault not in _ANSWERS or each.slow_s >= _SLOW_S for each in recent)
    last = recent[-_IN_A_ROW:]
    vain = all(each.fault or each.slow_s >= _SLOW_S for each in last)
    return unreachable >= _UNREACHABLE or (len(last) == _IN_A_ROW and vain)
