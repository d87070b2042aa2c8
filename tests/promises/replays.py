"""Replays: each replay sends each of its letters at most once, and each letter has an outcome (promises 2 and 6)."""

from collections import Counter
from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.history import Planted
from tests.promises.violation import Violation

PROMISE = "A replay sends each of its letters once, ends, and reports what became of each."
#: States of a letter whose write has ended, and the effect that its operation then has.
_LETTER_OF = {"applied": "applied", "rejected": "rejected", "superseded": "superseded", "expired": "expired"}
#: Outcomes of letters that were never put on the stream.
_NOT_SENT = ("withdrawn", "unsendable", "waiting")


def check(case: Case) -> Iterator[Violation]:
    """Check the counts of replays, the letters' states against the database, and the ends of planted entries."""
    yield from _counts(case)
    yield from _letters(case)
    yield from _planted(case)


def _counts(case: Case) -> Iterator[Violation]:
    sent = 0
    for replay in case.final.replays:
        sent += sum(count for outcome, count in replay.outcomes.items() if outcome not in _NOT_SENT)
        if sum(replay.outcomes.values()) != replay.letters:
            what = f"the replay {replay.id} of {replay.letters} letters reports {dict(replay.outcomes)}"
            yield Violation("replay", what, str(replay.id))
        if (lost := replay.outcomes.get("lost", 0)) and not case.forgets:
            yield Violation("lost", f"the replay {replay.id} lost {lost} letters on their way", str(replay.id))
    if case.final.resent is not None and case.final.resent != sent:
        what = f"replays put {case.final.resent} letters on the stream, and report {sent}"
        yield Violation("doubled" if case.final.resent > sent else "lost", what)


def _letters(case: Case) -> Iterator[Violation]:
    for letter in case.final.letters:
        ended = case.writes.ended.get(letter.operation_id)
        found = "not over" if ended is None else "expired" if ended.code == "WRITE_EXPIRED" else ended.effect
        expected = _LETTER_OF.get(letter.state)
        if expected and expected != found:
            what = f"the letter {letter.id} is {letter.state}, its operation {letter.operation_id} is {found}"
            yield Violation("replay", what, letter.operation_id)
    for operation_id, letters in case.letters.items():
        states = Counter(letter.state for letter in letters)
        if states["dead_again"] and len(letters) == states["dead_again"]:
            what = f"{operation_id} died again {states['dead_again']} times, and the last letter is gone"
            yield Violation("lost", what, operation_id)


def _planted(case: Case) -> Iterator[Violation]:
    """Check that planted entries end as they must. After a failover the queue may lack an entry that a writer already
    had: the replay then sends the letter again, and it ends as a duplicate."""
    moved = (case.final.ledger or {}).get("epoch", 0) > 1
    replayed = [{"applied": 1}, {"duplicate": 1}] if moved else [{"applied": 1}]
    for planted in case.history.of(Planted):
        states = Counter(letter.state for letter in case.letters.get(planted.operation_id, ()))
        ended = case.writes.ended.get(planted.operation_id)
        if planted.ends == "applied":
            row = case.rows.get(ended.entity) if ended else None
            if not (ended and ended.effect == "applied" and row and row.visible and states in replayed):
                found = ended.effect if ended else "not over"
                what = f"{planted.operation_id} was mended and replayed: it is {found}, its letters {dict(states)}"
                yield Violation("lost" if ended is None else "replay", what, planted.operation_id)
        elif planted.ends == "dead":
            states.pop("dead_again", None)
            if ended or states != {"dead": 1}:
                found = ended.effect if ended else "not over"
                what = f"{planted.operation_id} cannot be applied: it is {found}, its letters {dict(states)}"
                yield Violation("doubled" if ended else "lost", what, planted.operation_id)
