"""Result: the outcome of one run, small enough to be sent from the process that ran it."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.plan import Cut


@dataclass
class Result:
    """The outcome of a run. Each of `violations` begins with the name of the broken promise."""

    seed: int
    cut: Cut
    violations: list[str]
    seen: Counter[str] = field(default_factory=Counter)
    virtual_s: float = 0.0
    real_s: float = 0.0
    #: Number of requests, of clients and operators.
    requests: int = 0
    #: The hash of the timeline, which is the same for the same seed.
    digest: str = ""
    timeline: str = ""
    #: Statements that the model of the database had not seen before.
    texts: tuple[str, ...] = ()

    @property
    def broken(self) -> set[str]:
        """The names of the broken promises."""
        return {each.partition(":")[0] for each in self.violations}
