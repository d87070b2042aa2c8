"""Leftovers: at rest nothing is stuck, and nothing is kept that belongs to an ended write (promises 5 and 6)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import AtRest
from tests.promises.violation import Violation

PROMISE = "When everything is mended, everything comes to an end by itself, and nothing is left behind."
_OVER = ("done", "cancelled", "recalled")


def check(case: Case) -> Iterator[Violation]:
    """Check that no entry and no key is left in the queue, and that no letter and no replay is in progress."""
    if not any(case.history.of(AtRest)):
        yield Violation("stuck", "the system did not come to rest")
    for entry in case.final.entries_left:
        yield Violation("stuck", f"the entry {entry} is still on the write stream", entry)
    for name in case.final.names_left:
        yield Violation("stuck", f"{name} is still in the queue, and no write is there for it", name)
    for replay in case.final.replays:
        if replay.state not in _OVER:
            yield Violation("stuck", f"the replay {replay.id} is {replay.state}", str(replay.id))
    for letter in case.final.letters:
        if letter.state == "replaying":
            yield Violation("stuck", f"the letter {letter.id} is still being replayed", letter.operation_id)
