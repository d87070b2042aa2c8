"""Breakers: a breaker opens because of what it guards, and for no other reason (promise 5)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import Tripped
from tests.promises.violation import Violation

PROMISE = "A breaker opens only if what it guards, the way to it or its own process was broken."
#: Seconds after which a failed call has left the breaker's window.
_WINDOW_S = 35.0


def check(case: Case) -> Iterator[Violation]:
    """Compare each opening of a breaker with the faults in the window before it."""
    for tripped in case.history.of(Tripped):
        ours = {"*", tripped.process, tripped.dependency}
        if not any(
            ours.intersection((fault.target, *fault.target.split(">")))
            and fault.at_s <= tripped.at_s <= fault.until_s + _WINDOW_S
            for fault in case.history.faults
        ):
            what = f"{tripped.process} took {tripped.dependency} for broken, and nothing was"
            yield Violation("opened for nothing", what, tripped.process, tripped.at_s)
