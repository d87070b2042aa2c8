"""Metric kinds: kinds of metrics that the Prometheus client does not have."""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import product
from typing import Any

from prometheus_client import Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class KnownGauge(Gauge):
    """A gauge that is exported only after its first `set`. For a gauge of one service, which would be 0 in all
    others."""

    _known = False

    def set(self, value: float) -> None:
        """Set the value, and export it from now on."""
        super().set(value)
        self._known = True

    def collect(self) -> Iterable[Metric]:
        """Return the sample, or none before the first `set`."""
        return super().collect() if self._known else ()


class Tally:
    """Durations of one label set in plain numbers. `add` costs a tenth of `observe`. Only one thread may add at a
    time."""

    __slots__ = ("_child", "_reported", "_reported_s", "counts", "total_s")

    def __init__(self, child: Any) -> None:
        self._child = child
        self._reported, self._reported_s = [0] * (len(SECONDS) + 1), 0.0
        self.counts, self.total_s = [0] * (len(SECONDS) + 1), 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(SECONDS, seconds)] += 1
        self.total_s += seconds

    def report(self) -> None:
        """Add the durations counted since the last call to the histogram."""
        for at, (count, reported) in enumerate(zip(self.counts, self._reported, strict=True)):
            if count > reported:
                self._child._buckets[at].inc(count - reported)
                self._reported[at] = count
        total_s = self.total_s
        self._child._sum.inc(total_s - self._reported_s)
        self._reported_s = total_s


class TalliedHistogram(Histogram):
    """A histogram of durations for hot paths."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tallies: dict[tuple[str, ...], Tally] = {}

    def tally(self, *labels: str) -> Tally:
        """Return the tally of a label set."""
        return self._tallies.setdefault(labels, Tally(self.labels(*labels) if labels else self))

    def collect(self) -> Iterable[Metric]:
        """Return the samples, with everything counted so far."""
        for tally in list(self._tallies.values()):
            tally.report()
        return super().collect()


def create(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    """Create these label sets at zero: `increase()` does not see a counter that begins at 1."""
    for combination in product(*values):
        metric.labels(*combination)
