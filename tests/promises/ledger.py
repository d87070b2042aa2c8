"""Ledger: nothing disappears silently (promise 6)."""

from collections.abc import Iterable, Iterator

from tests.promises.case import Case
from tests.promises.history import Planted
from tests.promises.violation import Violation

PROMISE = "Accepted = applied + rejected + dead-lettered + discarded + in flight + lost, and what is lost is named."


def check(case: Case) -> Iterator[Violation]:
    """Check that the system's ledger balances, and that each of its terms at rest equals our own count."""
    reported = case.final.ledger
    if reported is None:
        return
    if reported["missing"]:
        yield Violation("ledger", f"the ledger misses {reported['missing']} writes at rest")
    for what in case.final.imbalances:
        yield Violation("ledger", f"while the run went on, the ledger did not balance: {what}")
    if case.forgets:  # a restored entry or letter may exist twice and be counted once
        yield from _named(case, reported.get("lost", 0))
        return
    if (lost := reported.get("lost", 0)) and not case.final.fails_over:
        yield Violation("ledger", f"the ledger names {lost} lost writes, and the queue was not made to forget", "lost")
    counted = _counted(case)
    for term, count in counted.items():
        if reported[term] != count:
            yield Violation("ledger", f"the ledger has {reported[term]} {term}, the stores hold {count}", term)
    held = sum(counted.values()) + lost
    if reported["accepted"] != held:
        what = f"the ledger has {reported['accepted']} accepted, the stores hold {held}, what is lost included"
        yield Violation("ledger", what, "accepted")


def _named(case: Case, lost: int) -> Iterator[Violation]:
    """Check what is reported as lost: at least everything that the auditor had seen, and no more than can be gone."""
    gone = [answer for answer in case.gone if answer.state == "queued"]
    seen = _seen(case, (answer.version for answer in gone))
    # A write that was put on the stream by hand has any version: one that had been seen makes up for one that is gone.
    planted = {each.operation_id for each in case.history.of(Planted)}
    seen -= _seen(case, (ended.version for ended in case.final.ended if ended.operation_id in planted))
    if lost < seen:
        yield Violation("lost in silence", f"{seen} writes that had been seen are gone, and the ledger names {lost}")
    may_be_gone = len(gone) + sum(intent.open for intent in case.writes.intents) + _accepted_again(case)
    if lost > may_be_gone + sum(1 for _ in case.history.of(Planted)) + case.limits.heartbeats:
        yield Violation("ledger", f"the ledger names {lost} lost writes, and {may_be_gone} can be", "lost")


def _seen(case: Case, versions: Iterable[int]) -> int:
    """Count the versions that the auditor had seen before the queue lost data."""
    return sum(any(above < version <= up_to for above, up_to in case.final.seen) for version in versions)


def _accepted_again(case: Case) -> int:
    """Count the writes that were retried after the queue had lost data. They are lost, and accepted anew under the old
    id."""
    forgot_s = [fault.at_s for fault in case.history.faults if fault.forgets_since_s is not None]
    tries = [(intent.attempts[0].sent.at_s, intent.attempts[-1].sent.at_s) for intent in case.writes.intents]
    return sum(any(first_s < at_s < last_s for at_s in forgot_s) for first_s, last_s in tries)


def _counted(case: Case) -> dict[str, int]:
    """Return our own count of each term. Rows are removed only after the horizon, which is longer than any run."""
    effects = [ended.effect for ended in case.final.ended]
    states = [letter.state for letter in case.final.letters]
    return {
        "applied": len(effects) - effects.count("rejected"),
        "rejected": effects.count("rejected"),
        "dead_lettered": states.count("dead") + states.count("replaying"),
        "discarded": states.count("discarded"),
        "in_flight": len(case.final.entries_left),
    }
