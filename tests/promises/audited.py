"""Audited: every decision of an operator is on record (promise 6)."""

from collections import Counter
from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import Act
from tests.promises.violation import Violation

PROMISE = "Whatever an operator decided about dead letters is on record."
#: The actions that are always recorded. An edit that changes nothing is not.
_RECORDED = ("discard", "restore", "replay", "transform")


def check(case: Case) -> Iterator[Violation]:
    """Check that the record has at least as many actions of each kind as were confirmed. It may have more: an action
    whose answer was lost is recorded too."""
    if case.final.audited is None:
        return
    done = Counter(act.action for act in case.history.of(Act) if act.done and act.action in _RECORDED)
    for action, count in done.items():
        recorded = case.final.audited.get(action, 0)
        if recorded < count:
            yield Violation("undocumented", f"{action}: {count} were confirmed, {recorded} are on record", action)
