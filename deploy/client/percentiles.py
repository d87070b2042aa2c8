"""Percentiles of measured durations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


def percentile(values: Iterable[float], share: float) -> float | None:
    """A value that occurred, such that `share` (0 to 1) of all are not larger; None of no values."""
    ordered = sorted(values)
    return _at(ordered, share) if ordered else None


def percentiles(seconds: Iterable[float]) -> Percentiles:
    """Of at least one value."""
    ordered = sorted(seconds)
    shares = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
    return Percentiles(*(_at(ordered, share) * 1000 for share in shares))


def percentiles_of(seconds: Iterable[float]) -> Percentiles | None:
    """The same; None of no values."""
    values = list(seconds)
    return percentiles(values) if values else None


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
