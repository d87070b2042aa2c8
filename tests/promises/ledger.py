"""Ledger: nothing disappears silently (promise 6)."""

from collections.abc import Iterator

from tests.promises.case import Case
from tests.promises.violation import Violation

PROMISE = "Accepted = applied + rejected + dead-lettered + discarded + in flight."


def check(case: Case) -> Iterator[Violation]:
    """At rest the system's own ledger balances, and each of its terms is what we count ourselves."""
    reported = case.final.ledger
    if reported is None or case.forgets:
        return
    if reported["missing"]:
        yield Violation("ledger", f"the ledger misses {reported['missing']} writes at rest")
    counted = _counted(case)
    for term, count in counted.items():
        if reported[term] != count:
            yield Violation("ledger", f"the ledger has {reported[term]} {term}, the stores hold {count}", term)
    if reported["accepted"] != sum(counted.values()):
        what = f"the ledger has {reported['accepted']} accepted, the stores hold {sum(counted.values())}"
        yield Violation("ledger", what, "accepted")


def _counted(case: Case) -> dict[str, int]:
    """Rows that were removed after the horizon are not among them: runs are shorter than that."""
    effects = [ended.effect for ended in case.final.ended]
    states = [letter.state for letter in case.final.letters]
    return {
        "applied": len(effects) - effects.count("rejected"),
        "rejected": effects.count("rejected"),
        "dead_lettered": states.count("dead") + states.count("replaying"),
        "discarded": states.count("discarded"),
        "in_flight": len(case.final.entries_left),
    }
