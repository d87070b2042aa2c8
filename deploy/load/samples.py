"""Samples: every request that was sent, in columns: a run of minutes at thousands a second stays small."""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from deploy.load.mix import Kind
from deploy.load.outcome import Outcome


class Sample(NamedTuple):
    """One request: when it should have left (Unix seconds), how long its answer took from then (seconds)."""

    intended: float
    latency_s: float
    kind: Kind
    outcome: Outcome


class Samples:
    """In the order in which they were over."""

    def __init__(self) -> None:
        self._intended = array("d")
        self._latency_s = array("d")
        self._kind = array("b")
        self._outcome = array("b")
        #: (kind, error code) -> how often.
        self.codes: Counter[tuple[Kind, str]] = Counter()

    def __len__(self) -> int:
        return len(self._intended)

    def add(self, intended: float, latency_s: float, kind: Kind, outcome: Outcome, code: str = "") -> None:
        """One more."""
        self._intended.append(intended)
        self._latency_s.append(latency_s)
        self._kind.append(kind)
        self._outcome.append(outcome)
        if code:
            self.codes[kind, code] += 1

    def since(self, index: int) -> Iterator[Sample]:
        """From the one with this number on."""
        for at in range(index, len(self)):
            yield Sample(
                self._intended[at], self._latency_s[at], Kind(self._kind[at]), Outcome(self._outcome[at])
            )  # fmt: skip

    def __iter__(self) -> Iterator[Sample]:
        return self.since(0)

    def where(self, which: Callable[[Sample], bool]) -> list[Sample]:
        """Those."""
        return [sample for sample in self if which(sample)]

    def between(self, begin: float, end: float) -> list[Sample]:
        """Those that should have left from `begin` until before `end`, Unix seconds."""
        return self.where(lambda sample: begin <= sample.intended < end)
