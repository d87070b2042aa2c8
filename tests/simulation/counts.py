"""Counts: what the services' own metrics counted during a run."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import Counter as Counted

from holdfast.shared.telemetry import metrics


def counted() -> Counter[str]:
    """Return `metric:NAME label…` -> value for every counter, summed over all simulated processes. The counters of this
    Python process only grow."""
    return Counter({name: int(value) for name, value in _samples() if value})


def _samples() -> Iterator[tuple[str, float]]:
    for metric in vars(metrics).values():
        if isinstance(metric, Counted):
            name = f"metric:{metric._name}_total"
            if metric._labelnames:
                for labels, one in metric._metrics.items():
                    yield " ".join((name, *labels)), one._value.get()  # type: ignore[attr-defined]
            else:
                yield name, metric._value.get()
