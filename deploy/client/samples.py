"""Samples: stores every request of a run in columns, so that minutes at thousands per second stay small, and computes
percentiles."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from deploy.client.outcome import Outcome
from deploy.client.plan import Kind


class Sample(NamedTuple):
    """One request: its intended start (Unix seconds), the latency from then (seconds), and the error's code if any."""

    intended: float
    latency_s: float
    kind: Kind
    outcome: Outcome
    code: str = ""


class Samples:
    """The samples, in the order of completion. One thread may add while others read."""

    def __init__(self) -> None:
        self._intended = array("d")
        self._latency_s = array("d")
        self._kind = array("b")
        self._outcome = array("b")
        self._code = array("i")
        self._codes: list[str] = []
        self._number_of: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._intended)

    def add(self, intended: float, latency_s: float, kind: Kind, outcome: Outcome, code: str = "") -> None:
        """Add a sample."""
        if code not in self._number_of:
            self._codes.append(code)
            self._number_of[code] = len(self._codes) - 1
        self._code.append(self._number_of[code])
        self._latency_s.append(latency_s)
        self._kind.append(kind)
        self._outcome.append(outcome)
        self._intended.append(intended)  # added last, because the length is taken from this column

    def since(self, index: int) -> Iterator[Sample]:
        """Return the samples from this number on."""
        for at in range(index, len(self)):
            yield Sample(
                self._intended[at],
                self._latency_s[at],
                Kind(self._kind[at]),
                Outcome(self._outcome[at]),
                self._codes[self._code[at]],
            )

    def __iter__(self) -> Iterator[Sample]:
        return self.since(0)

    @property
    def codes(self) -> Counter[tuple[Kind, str]]:
        """Count the error codes of each kind of request."""
        return Counter((sample.kind, sample.code) for sample in self if sample.code)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Percentiles in milliseconds."""

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


def percentile(values: Iterable[float], share: float) -> float | None:
    """Return an observed value such that `share` (0 to 1) of all values are not larger, or None without values."""
    ordered = sorted(values)
    return _at(ordered, share) if ordered else None


def percentiles(seconds: Iterable[float]) -> Percentiles:
    """Return the percentiles of at least one value."""
    ordered = sorted(seconds)
    shares = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
    return Percentiles(*(_at(ordered, share) * 1000 for share in shares))


def percentiles_of(seconds: Iterable[float]) -> Percentiles | None:
    """Return the percentiles, or None without values."""
    values = list(seconds)
    return percentiles(values) if values else None


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
