"""Budget: of two time limits, one inside the other, the inner one has to end first. Checked before a service starts."""

from collections.abc import Iterable
from typing import NamedTuple


class Part(NamedTuple):
    """A limit, by its setting's name, and how often it may be used up one after another."""

    name: str
    seconds: float
    times: int = 1

    def __str__(self) -> str:
        return (
            f"{self.name} ({self.seconds:g} s)"
            if self.times == 1
            else f"{self.times} x {self.name} ({self.seconds:g} s)"
        )


class Budget(NamedTuple):
    """What happens within `outer`: the worst case of `inner`, one after another."""

    what: str
    outer: Part
    inner: tuple[Part, ...]

    @property
    def worst_s(self) -> float:
        """The sum of the inner limits."""
        return sum(part.seconds * part.times for part in self.inner)

    @property
    def kept(self) -> bool:
        """Whether the inner limits end before the outer one."""
        return self.worst_s < self.outer.seconds

    def __str__(self) -> str:
        sign = "<" if self.kept else "is not below"
        return f"{self.what}: {' + '.join(map(str, self.inner))} = {self.worst_s:g} s {sign} {self.outer}"


def check(budgets: Iterable[Budget]) -> None:
    """Raises ValueError with every line of the table that does not hold."""
    if broken := [str(budget) for budget in budgets if not budget.kept]:
        raise ValueError("time limits are the wrong way round: " + "; ".join(broken))
