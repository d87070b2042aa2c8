"""Verdict: every promise checked against one run. The result is true, false, or unknown if too little happened."""

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
#: Name of each check -> its function, and the promise in one sentence.
CHECKS: dict[str, tuple[Check, str]] = {
    module.__name__.rpartition(".")[2]: (module.check, module.PROMISE) for module in _MODULES
}


class Word(IntEnum):
    """The result of a run. The numbers are exit codes."""

    TRUE = 0
    FALSE = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Checked:
    """One promise, and its violations in a run."""

    name: str
    promise: str
    violations: tuple[Violation, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one run."""

    checked: tuple[Checked, ...]
    sometimes: Counter[str]
    #: Events that should have happened at least once, and did not.
    never: tuple[str, ...]

    @property
    def violations(self) -> tuple[Violation, ...]:
        """The violations of all promises."""
        return tuple(violation for one in self.checked for violation in one.violations)

    @property
    def word(self) -> Word:
        """The result. A violation outweighs events that never happened."""
        if self.violations:
            return Word.FALSE
        return Word.UNKNOWN if self.never else Word.TRUE


def judge(case: Case, wanted: Iterable[str] = ()) -> Verdict:
    """Check every promise. `wanted`: the events that have to have happened, by their names in `sometimes`."""
    checked = tuple(Checked(name, promise, tuple(check(case))) for name, (check, promise) in CHECKS.items())
    happened = sometimes.counted(case)
    return Verdict(checked, happened, tuple(what for what in wanted if not happened[what]))
