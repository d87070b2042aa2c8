"""The charts of a run: outcomes a second, latency a second, and writes end to end; by intended start."""

from collections import Counter
from collections.abc import Sequence

from deploy.charts.chart import Band, Chart, Points, Series
from deploy.client.generator import Run
from deploy.client.outcome import Outcome
from deploy.client.percentiles import percentiles_of

_COLOURS = {
    Outcome.GOOD: "#2f9e6e",
    Outcome.DEGRADED: "#e8b04a",
    Outcome.REJECTED: "#7d8fb3",
    Outcome.FAILED: "#c8402f",
    Outcome.INDETERMINATE: "#7b3fa0",
    Outcome.UNANSWERED: "#3d3d3d",
}
_BLUE, _DARK, _GREY = "#2a78b5", "#1d3557", "#9aa5b1"


def charts_of(run: Run) -> list[Chart]:
    """With the faults as bands behind."""
    seconds: dict[int, list[tuple[float, Outcome]]] = {}
    for sample in run.samples:
        seconds.setdefault(int(sample.intended - run.began), []).append((sample.latency_s, sample.outcome))
    last = int(run.plan.duration_s)
    bands = [Band(p.fault, p.begin - run.began, p.end - run.began) for p in run.phases if p.fault]
    counts = {second: Counter(outcome for _, outcome in seen) for second, seen in seconds.items()}
    outcomes = [
        Series(outcome.word, _COLOURS[outcome], _steps([counts.get(s, Counter())[outcome] for s in range(last)]))
        for outcome in Outcome
        if any(count[outcome] for count in counts.values())
    ]
    found = {s: of for s, seen in sorted(seconds.items()) if (of := percentiles_of(took for took, _ in seen))}
    latency = [
        Series("p50", _BLUE, [(s, of.p50) for s, of in found.items()]),
        Series("p99", _DARK, [(s, of.p99) for s, of in found.items()]),
        Series("max", _GREY, [(s, of.max) for s, of in found.items()]),
    ]
    charts = [
        Chart("Outcomes, by intended start", "requests/s", outcomes, bands, "stack", x_max=last),
        Chart("Latency, by intended start", "ms", latency, bands, log=True, x_max=last),
    ]
    ends = [(write.intended - run.began, write.took_s * 1000) for write in run.followed if write.took_s is not None]
    if ends:
        dots = [Series("request to applied", _BLUE, ends)]
        charts.append(Chart("Time until writes were applied", "ms", dots, bands, "dots", log=True, x_max=last))
    return charts


def _steps(values: Sequence[float]) -> Points:
    """One value a second, held for its second."""
    return [(second + part, value) for second, value in enumerate(values) for part in (0.0, 1.0)]
