"""Percentiles of what was measured."""

from collections.abc import Iterable
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


def percentiles(seconds: Iterable[float]) -> Percentiles:
    """Of at least one value."""
    values = sorted(seconds)

    def at(share: float) -> float:
        return values[min(len(values) - 1, int(len(values) * share))] * 1000

    return Percentiles(at(0.5), at(0.9), at(0.95), at(0.99), at(0.999), values[-1] * 1000)


def percentiles_of(seconds: Iterable[float]) -> Percentiles | None:
    """The same; None of none."""
    values = list(seconds)
    return percentiles(values) if values else None
