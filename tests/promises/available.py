"""Available: any one dependency may be down (promise 4)."""

from collections.abc import Iterable, Iterator

from tests.promises.calls import PATHS
from tests.promises.case import Case
from tests.promises.history import Alone, Attempt, Fail, Fault, History, Ok, Unknown
from tests.promises.violation import Violation

PROMISE = "While one dependency is down and all else is well, reads are answered and writes are accepted."
READ, WRITE = KINDS = ("read answered", "write accepted")
#: Seconds within which a failed dependency is detected. Requests sent earlier may run into their timeout.
NOTICED_S = 3.0
#: Fewer attempts than this are not judged.
_ASKED_MIN = 8
#: Codes of shed requests. They are not counted: an overloaded machine is a different fault.
_SHED = ("OVERLOADED", "RATE_LIMITED")
#: Codes of writes that are refused because only the dependency that is down knows an earlier write: one that is still
#: queued, or one with the same key. Clients here retry at once, so most of their writes have such a predecessor.
_OPEN = ("ORDER_UNKNOWN", "ACCEPTANCE_UNKNOWN")
#: Dependencies that serve only the third party's data.
_OUTSIDE = ("third party", "external-proxy")


def check(case: Case) -> Iterator[Violation]:
    """Check that most reads and writes succeed whenever one dependency alone is down, once that has been detected."""
    for alone in case.history.of(Alone):
        for kind, attempts in asked(case.history, alone).items():
            usable = sum(map(is_usable, attempts))
            if len(attempts) >= _ASKED_MIN and usable < case.limits.available_share * len(attempts):
                what = f"{alone.dependency} alone was down for {alone.until_s - alone.at_s:.0f} s"
                yield Violation("unavailable", f"{what}: {kind}: {usable} of {len(attempts)}", at_s=alone.at_s)


def asked(history: History, alone: Alone, before: History | None = None) -> dict[str, list[Attempt]]:
    """Return the attempts of that time that have to succeed, by kind, in the order of sending. `before`: the history
    up to that time, if `history` does not contain it."""
    found: dict[str, list[Attempt]] = {READ: [], WRITE: []}
    copied = _copied(before or history, alone)
    for attempt in history.attempts:
        sent, end_s = attempt.sent, attempt.end.at_s if attempt.end else alone.until_s
        if not alone.at_s + NOTICED_S <= sent.at_s <= end_s <= alone.until_s or history.broken(
            sent.target, sent.at_s, end_s
        ):
            continue
        if _is_owed(attempt, alone.dependency) and (attempt.is_write or copied is None or sent.path in copied):
            found[WRITE if attempt.is_write else READ].append(attempt)
    return found


def is_usable(attempt: Attempt) -> bool:
    """Return whether the attempt succeeded, or was refused because of the request itself (4xx)."""
    return isinstance(attempt.end, Ok) or (isinstance(attempt.end, Fail) and 400 <= attempt.end.status < 500)


def counted(history: History, alone: Alone) -> Iterable[str]:
    """Yield a name for each success, to be counted as a *sometimes*."""
    for kind, attempts in asked(history, alone).items():
        yield from (name_of(alone.dependency, kind) for attempt in attempts if is_usable(attempt))


def name_of(dependency: str, kind: str) -> str:
    """Return the name under which such a success is counted as a *sometimes*."""
    return f"{dependency} down and all else well: {kind}"


def _is_owed(attempt: Attempt, dependency: str) -> bool:
    """Return whether the attempt has to succeed while `dependency` is down. A conditional write does not: it needs the
    row and the queue. Nor does a read of an operation: only one of the two stores may know its status."""
    sent, end = attempt.sent, attempt.end
    parts = sent.path.partition("?")[0].strip("/").split("/")
    if isinstance(end, Unknown) and end.why in ("hung up", "refused"):
        return False
    if isinstance(end, Fail | Unknown) and getattr(end, "code", getattr(end, "why", "")) in (*_SHED, *_OPEN):
        return False
    if dependency in _OUTSIDE and sent.path.partition("?")[0] in PATHS:
        return True
    return parts[0] == "users" and not sent.if_match


def _copied(history: History, alone: Alone) -> set[str] | None:
    """Return the paths that have a copy, because they were read as applied since the cache was last emptied. Return
    None if no copy is needed."""
    if alone.dependency != "database":
        return None
    since_s = max((fault.until_s for fault in history.faults if _empties(fault, alone.at_s)), default=0.0)
    return {
        attempt.sent.path
        for attempt in history.attempts
        if attempt.ok
        and attempt.ok.state != "queued"
        and not attempt.ok.degraded
        and since_s < attempt.ok.at_s < alone.at_s
    }


def _empties(fault: Fault, before_s: float) -> bool:
    return fault.target == "cache" and fault.at_s < before_s
