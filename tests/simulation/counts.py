"""Counts: what the services' own metrics counted in a run."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Counter as Counted

from holdfast.shared.telemetry import metrics


def counted() -> Counter[str]:
    """`metric:NAME label…` of every counter, over all processes of this one. Counters of this process only grow."""
    return Counter({name: int(value) for name, value in _samples() if value})


def _samples() -> Iterator[tuple[str, float]]:
    for metric in vars(metrics).values():
        if isinstance(metric, Counted):
            for family in metric.collect():
                for sample in family.samples:
                    if sample.name.endswith("_total"):
                        yield " ".join((f"metric:{sample.name}", *sample.labels.values())), sample.value
