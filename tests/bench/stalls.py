"""Stalls: times in which an event loop ran nothing that was due, and their causes."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

#: A shorter delay is within what a busy turn of the loop takes.
LONG_MS = 20.0
#: Causes other than work of the loop: the garbage collector, other processes, or another thread of this process.
COLLECTOR, OTHERS = "garbage collection", "no processor, or another thread had the interpreter"


class Stall(NamedTuple):
    """A stall. `at`: its end, Unix seconds. `worked_ms`: processor time of the loop's thread; `where`: the code that
    ran most often."""

    at: float
    ms: float
    worked_ms: float
    collecting_ms: float
    where: str

    @property
    def cause(self) -> str:
        """The cause of more than half of the stall."""
        if self.collecting_ms > self.ms / 2:
            return COLLECTOR
        if self.worked_ms > self.ms / 2:
            return self.where or "code of a library"
        return OTHERS


#: The milliseconds of each stall by its cause, the most frequent cause first.
Causes = Mapping[str, Sequence[float]]


def read(file: Path) -> list[Stall]:
    """Return all stalls that were traced."""
    return [Stall(*json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def causes(stalls: Iterable[Stall], since: float, until: float) -> Causes:
    """Return the causes of the stalls that ended in this time."""
    within = [stall for stall in stalls if since <= stall.at < until]
    counted = Counter(stall.cause for stall in within)
    return {cause: [stall.ms for stall in within if stall.cause == cause] for cause, _ in counted.most_common()}
