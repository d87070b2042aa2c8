"""Replays: each letter is sent again at most once per replay, and has an outcome (promises 2 and 6)."""

from collections import Counter
from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "A replay sends each of its letters once, ends, and reports what became of each."
#: Outcomes after which the letter's write is in the database, or has a younger letter.
_LETTER_OF = {"applied": "applied", "rejected": "rejected", "superseded": "superseded", "expired": "expired"}


def check(case: Case) -> Iterator[Violation]:
    """Counts of replays, and letters against the database."""
    for replay in case.final.replays:
        if sum(replay.outcomes.values()) != replay.letters:
            what = f"the replay {replay.id} of {replay.letters} letters reports {dict(replay.outcomes)}"
            yield Violation("replay", what, str(replay.id))
        if lost := replay.outcomes.get("lost", 0):
            yield Violation("lost", f"the replay {replay.id} lost {lost} letters on their way", str(replay.id))
    for letter in case.final.letters:
        ended = case.writes.ended.get(letter.operation_id)
        found = ended.effect if ended else "not over"
        expected = _LETTER_OF.get(letter.state)
        if expected and expected != ("expired" if ended and ended.code == "WRITE_EXPIRED" else found):
            what = f"the letter {letter.id} is {letter.state}, its operation {letter.operation_id} is {found}"
            yield Violation("replay", what, letter.operation_id)
    for operation_id, letters in case.letters.items():
        states = Counter(letter.state for letter in letters)
        if states["dead_again"] and len(letters) - states["dead_again"] < 1:
            what = f"{operation_id} died again {states['dead_again']} times, and the last letter is gone"
            yield Violation("lost", what, operation_id)
