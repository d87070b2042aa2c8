"""Announced: which faults are active, since when and until when, and the last measured recovery from each. Pure; times
are Unix seconds."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from holdfast.shared.runtime.timestamps import UnixSeconds

_KNOWN_MAX = 100

Phase = Literal["detect", "contain", "resume", "drain", "steady"]
PHASES: tuple[Phase, ...] = ("detect", "contain", "resume", "drain", "steady")
Verdict = Literal["passed", "failed", "unknown"]


class Recovery(NamedTuple):
    """A measured recovery, in seconds per phase; a missing phase was not measured. `at_s`: when it was reported, Unix
    time."""

    fault: Annotated[str, Field(max_length=64)]
    phases: dict[Phase, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    verdict: Verdict
    at_s: UnixSeconds


class Recoveries:
    """The newest recovery from each fault, at most a hundred."""

    def __init__(self) -> None:
        self._known: dict[str, Recovery] = {}

    def known(self) -> list[Recovery]:
        """Return the recoveries, oldest first."""
        return sorted(self._known.values(), key=lambda each: each.at_s)

    def put(self, recovery: Recovery) -> None:
        """Add a recovery; it replaces an earlier one from the same fault."""
        known = self._known.get(recovery.fault)
        if known is None or known.at_s <= recovery.at_s:
            self._known[recovery.fault] = recovery
        while len(self._known) > _KNOWN_MAX:
            del self._known[self.known()[0].fault]


#: Most known faults: each one is a label of metrics for as long as it is known.
KNOWN_MAX = 100


class Name(NamedTuple):
    """The name of a fault and its target."""

    fault: Annotated[str, Field(max_length=64)]
    target: Annotated[str, Field(max_length=64)]


@dataclass(frozen=True, slots=True)
class Announced:
    """The latest announcement of a fault."""

    name: Name
    began_s: UnixSeconds
    #: The fault ends then, unless it is announced again before.
    until_s: UnixSeconds
    #: When this was announced. Of two replicas' versions, the later one counts.
    announced_s: UnixSeconds
    #: When the fault ended the time before, or None if this is the first time.
    ended_before_s: UnixSeconds | None = None

    def active(self, now_s: float) -> bool:
        """Return whether the fault is active."""
        return now_s < self.until_s

    def ended_s(self, now_s: float) -> float | None:
        """Return when the fault last ended, or None if it never has."""
        return self.ended_before_s if self.active(now_s) else self.until_s


class Full(Exception):
    """No fault can be added: all known ones are active."""


class Faults:
    """The known faults: those that are active, and the latest of those that have ended."""

    def __init__(self) -> None:
        self._known: dict[Name, Announced] = {}

    def __iter__(self) -> Iterator[Announced]:
        """Iterate over the faults in the order of their first announcement."""
        return iter(self._known.values())

    def begin(self, name: Name, for_s: float, now_s: float) -> Announced:
        """Announce a fault until `for_s` seconds from now. Raises Full."""
        before = self._known.get(name)
        if before is not None and before.active(now_s):
            announced = replace(before, until_s=now_s + for_s, announced_s=now_s)
        else:
            announced = Announced(name, now_s, now_s + for_s, now_s, before.until_s if before else None)
        if before is None:
            self._make_room(now_s)
        self._known[name] = announced
        return announced

    def end(self, fault: str, target: str | None, now_s: float) -> list[Announced]:
        """End a fault, on all of its targets or on one, and return what was active."""
        ended = [
            replace(each, until_s=now_s, announced_s=now_s)
            for each in self._known.values()
            if each.name.fault == fault and target in (None, each.name.target) and each.active(now_s)
        ]
        self._known |= {each.name: each for each in ended}
        return ended

    def merge(self, others: Iterable[Announced], now_s: float) -> None:
        """Take over announcements that another replica, or this one before its restart, has received."""
        for other in others:
            mine = self._known.get(other.name)
            if mine is not None and mine.announced_s >= other.announced_s:
                continue
            try:
                if mine is None:
                    self._make_room(now_s)
            except Full:
                return
            self._known[other.name] = other

    def _make_room(self, now_s: float) -> None:
        if len(self._known) < KNOWN_MAX:
            return
        over = [each for each in self._known.values() if not each.active(now_s)]
        if not over:
            raise Full
        del self._known[min(over, key=lambda each: each.until_s).name]
