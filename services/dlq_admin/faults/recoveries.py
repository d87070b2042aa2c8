"""Recoveries: the last measured one from each fault."""

from typing import Literal, NamedTuple

PHASES = ("detect", "contain", "resume", "drain", "steady")
_KNOWN_MAX = 100

Verdict = Literal["passed", "failed", "unknown"]


class Recovery(NamedTuple):
    """Seconds of each phase; a phase that is not there was not measured. `at_s`: when it was told, Unix time."""

    fault: str
    phases: dict[str, float]
    verdict: Verdict
    at_s: float


class Recoveries:
    """The newest hundred."""

    def __init__(self) -> None:
        self._known: dict[str, Recovery] = {}

    def known(self) -> list[Recovery]:
        """Oldest first."""
        return sorted(self._known.values(), key=lambda each: each.at_s)

    def put(self, recovery: Recovery) -> None:
        """It replaces an earlier one from the same fault."""
        known = self._known.get(recovery.fault)
        if known is None or known.at_s <= recovery.at_s:
            self._known[recovery.fault] = recovery
        while len(self._known) > _KNOWN_MAX:
            del self._known[self.known()[0].fault]
