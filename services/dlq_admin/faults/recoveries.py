"""Recoveries: the last measured one from each fault."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from holdfast.shared.runtime.timestamps import UnixSeconds

_KNOWN_MAX = 100

Phase = Literal["detect", "contain", "resume", "drain", "steady"]
PHASES: tuple[Phase, ...] = ("detect", "contain", "resume", "drain", "steady")
Verdict = Literal["passed", "failed", "unknown"]


class Recovery(NamedTuple):
    """Seconds of each phase; a phase that is not there was not measured. `at_s`: when it was reported, Unix time."""

    fault: Annotated[str, Field(max_length=64)]
    phases: dict[Phase, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    verdict: Verdict
    at_s: UnixSeconds


class Recoveries:
    """The newest recovery of each fault, a hundred at most."""

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
