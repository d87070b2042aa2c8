"""Stalls: times in which an event loop ran nothing that was due, and what kept it."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

#: A shorter one is within what a busy turn of the loop takes.
LONG_MS = 20.0
#: What is no work of the loop: other processes, or another thread of this one.
COLLECTOR, OTHERS = "garbage collection", "no processor, or another thread had the interpreter"


class Stall(NamedTuple):
    """`at`: its end, Unix seconds. `worked_ms`: processor time of the loop's thread; `where`: what it did most."""

    at: float
    ms: float
    worked_ms: float
    collecting_ms: float
    where: str

    @property
    def cause(self) -> str:
        """What kept it for more than half of the time."""
        if self.collecting_ms > self.ms / 2:
            return COLLECTOR
        if self.worked_ms > self.ms / 2:
            return self.where or "code of a library"
        return OTHERS


#: Milliseconds of each stall by its cause, the most frequent first.
Causes = Mapping[str, Sequence[float]]


def read(file: Path) -> list[Stall]:
    """All that were traced."""
    return [Stall(*json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def causes(stalls: Iterable[Stall], since: float, until: float) -> Causes:
    """Of those that ended in this time."""
    within = [stall for stall in stalls if since <= stall.at < until]
    counted = Counter(stall.cause for stall in within)
    return {cause: [stall.ms for stall in within if stall.cause == cause] for cause, _ in counted.most_common()}
