"""Calls: the third party gets no more calls than the retry budget allows, and an unsafe one never twice (promise 5)."""

from collections import Counter
from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "Retries stay within their budget, and a call that must not be repeated without a key is not repeated."
PATHS = ("/external", "/external-api")


def check(case: Case) -> Iterator[Violation]:
    """Compare the third party's own log with the requests of the history."""
    arrivals = case.final.arrivals
    if arrivals is None:
        return
    sent = [attempt for attempt in case.history.attempts if attempt.sent.path.partition("?")[0] in PATHS]
    allowed = len(sent) * (1 + case.limits.retry_share) + case.limits.retry_burst
    if len(arrivals) > allowed:
        what = f"{len(sent)} requests became {len(arrivals)} calls; the retry budget allows {allowed:.0f}"
        yield Violation("stampede", what)
    unsafe = [arrival for arrival in arrivals if arrival.method != "GET" and not arrival.key]
    asked = [attempt for attempt in sent if attempt.sent.method != "GET" and not attempt.sent.key]
    if len(unsafe) > len(asked):
        what = f"{len(asked)} unsafe requests without a key became {len(unsafe)} calls"
        yield Violation("doubled", what)
    keys = Counter(attempt.sent.key for attempt in sent)
    for key in {arrival.key for arrival in arrivals if arrival.key} - keys.keys():
        yield Violation("doubled", f"a call came with the key {key}, which no client sent", key)
