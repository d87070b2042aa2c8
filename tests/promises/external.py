"""External: what is shown of the third party is its own and as fresh as it says, and its breaker opens for nothing but
total failure (promises 3 and 5)."""

from collections.abc import Iterator, Sequence

from tests.promises.calls import PATHS
from tests.promises.case import Case
from tests.promises.final import Arrival
from tests.promises.history import Ok, Opened
from tests.promises.violation import Violation

PROMISE = "The third party's data is fresh, or a copy that says its age; only total failure keeps calls from it."
#: What one try may take: a copy is dated when its answer came, and the third party dates it when it was asked.
_TRY_S = 2.0
#: A breaker's window, and how soon a fault shows in it.
_WINDOW_S = 35.0
#: So many calls in a row have to fail for it to open, or so many with no answer in time.
_IN_A_ROW, _UNREACHABLE = 20, 5
#: Faults that are answers, and come at once.
_ANSWERS = ("", "fail", "throttle", "invalid_json", "wrong_content_type", "truncated_body")
_SLOW_S = 1.0
#: Between the clock of the history and that of the third party's log.
_SKEW_S = 0.5
_THIRD_PARTY = "third-party"
_NOT_THERE = ("kill", "freeze", "gone")


def check(case: Case) -> Iterator[Violation]:
    """Reads of the third party's data, and openings of breakers, against its own log."""
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
    """What is wrong with it; empty: nothing."""
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
    """Who is asked to wait, waits: of the process and the kind of call that were asked, unless one of them, or the way
    between, was broken meanwhile: a call may be on its way for long, and a new process knows nothing."""
    for asked in arrivals:
        end_s = asked.at_s + asked.retry_after_s - _SKEW_S
        calls = (each for each in arrivals if (each.peer, each.method) == (asked.peer, asked.method))
        early = sum(asked.at_s + asked.slow_s + _SKEW_S < each.at_s < end_s for each in calls) if asked.peer else 0
        if early and not _broken(case, asked.peer, asked.at_s, end_s):
            what = f"{asked.peer} was asked to wait {asked.retry_after_s:g} s, and made {early} calls meanwhile"
            yield Violation("stampede", what, asked.peer, asked.at_s)


def _broken(case: Case, process: str, begin_s: float, end_s: float) -> bool:
    """Whether a fault touched the process, the way to the third party, or that one other than in how it answers."""
    for fault in case.history.faults:
        ends = fault.target.split(">")
        outside = ends[-1] == _THIRD_PARTY and (len(ends) > 1 or fault.what in _NOT_THERE)
        if fault.at_s <= end_s and begin_s - _SLOW_S <= fault.until_s and (process in ends or outside):
            return True
    return False


def _total(opened: Opened, calls: Sequence[Arrival]) -> bool:
    """Whether the last calls before it were all in vain."""
    recent = [each for each in calls if opened.at_s - _WINDOW_S <= each.at_s <= opened.at_s]
    unreachable = sum(each.fault not in _ANSWERS or each.slow_s >= _SLOW_S for each in recent)
    last = recent[-_IN_A_ROW:]
    vain = all(each.fault or each.slow_s >= _SLOW_S for each in last)
    return unreachable >= _UNREACHABLE or (len(last) == _IN_A_ROW and vain)
