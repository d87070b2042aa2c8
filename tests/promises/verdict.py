"""Verdict: every promise checked against one run. True, false, or unknown: too little happened to prove anything."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from types import ModuleType

from tests.promises import (
    answers,
    audited,
    available,
    breakers,
    calls,
    dead,
    deadlines,
    doubled,
    external,
    ledger,
    leftovers,
    lost,
    newest,
    order,
    reads,
    recovery,
    replays,
    sometimes,
    uniqueness,
)
from tests.promises.case import Case
from tests.promises.violation import Violation

_MODULES: Sequence[ModuleType] = (
    lost, doubled, order, newest, uniqueness, answers, reads, deadlines, available, calls, external, recovery,
    leftovers, dead, ledger, replays, audited, breakers,
)  # fmt: skip

Check = Callable[[Case], Iterator[Violation]]
#: Name -> the check, and the promise in a sentence.
CHECKS: dict[str, tuple[Check, str]] = {
    module.__name__.rpartition(".")[2]: (module.check, module.PROMISE) for module in _MODULES
}


class Word(IntEnum):
    """What a run showed. The numbers are exit codes."""

    TRUE = 0
    FALSE = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """One promise: how it is checked, and what violates it."""

    name: str
    promise: str
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of one run."""

    checked: tuple[Checked, ...]
    sometimes: Counter[str]
    #: What should have happened at least once, and did not.
    never: tuple[str, ...]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """Of all promises."""
        return tuple(violation for one in self.checked for violation in one.violations)

    @property
    def word(self) -> Word:
        """A violation counts whatever else did not happen."""
        if self.violations:
            return Word.FALSE
        return Word.UNKNOWN if self.never else Word.TRUE


def judge(case: Case, wanted: Iterable[str] = ()) -> Verdict:
    """`wanted`: what has to have happened, in the words of `sometimes`."""
    checked = tuple(Checked(name, promise, tuple(check(case))) for name, (check, promise) in CHECKS.items())
    happened = sometimes.counted(case)
    return Verdict(checked, happened, tuple(what for what in wanted if not happened[what]))
