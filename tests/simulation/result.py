"""Result: what one run came to, small enough to be sent from the process that ran it."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.plan import Cut


@dataclass
class Result:
    """A run. Each of `violations` begins with the name of the promise that was broken."""

    seed: int
    cut: Cut
    violations: list[str]
    seen: Counter[str] = field(default_factory=Counter)
    virtual_s: float = 0.0
    real_s: float = 0.0
    #: Requests and orders that were sent.
    requests: int = 0
    #: Of the timeline: the same for the same seed.
    digest: str = ""
    timeline: str = ""
    #: Statements that the model of the database did not know before.
    texts: tuple[str, ...] = ()

    @property
    def broken(self) -> set[str]:
        """Names of the promises that were broken."""
        return {each.partition(":")[0] for each in self.violations}
