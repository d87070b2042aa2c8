"""Chart: what is drawn, as data. `svg.py` draws it for a page, `png.py` as a picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.load.outcome import Outcome
from deploy.load.percentiles import percentiles_of
from deploy.load.run import Run

Points = Sequence[tuple[float, float]]

_COLOURS = {
    Outcome.GOOD: "#2f9e6e", Outcome.DEGRADED: "#e8b04a", Outcome.REJECTED: "#7d8fb3", Outcome.FAILED: "#c8402f",
    Outcome.INDETERMINATE: "#7b3fa0",
}  # fmt: skip
_BLUE, _DARK, _GREY = "#2a78b5", "#1d3557", "#9aa5b1"


@dataclass(frozen=True, slots=True)
class Series:
    """One line, or one layer of a stack."""

    name: str
    colour: str
    points: Points
    #: Lowest and highest at each point, when several runs made it.
    range: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the x axis in which something was broken."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel."""

    title: str
    unit: str
    series: Sequence[Series]
    bands: Sequence[Band] = ()
    style: Literal["lines", "stack", "dots"] = "lines"
    log: bool = False
    x: str = "seconds"
    x_max: float | None = None
    #: Of the points 0, 1, 2 ... on the x axis, where they are no numbers.
    names: Sequence[str] = ()


def of_run(run: Run) -> list[Chart]:
    """Outcomes a second, latency a second, and the writes end to end; by intended time, fault bands behind."""
    seconds: dict[int, list[tuple[float, Outcome]]] = {}
    for sample in run.samples:
        seconds.setdefault(int(sample.intended - run.began), []).append((sample.latency_s, sample.outcome))
    last = int(run.plan.duration_s)
    counts = {second: Counter(outcome for _, outcome in seen) for second, seen in seconds.items()}
    bands = [
        Band(phase.fault, phase.begin - run.began, phase.end - run.began) for phase in run.phases if phase.fault
    ]  # fmt: skip
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
        Chart("What became of the requests that should have left then", "requests/s", outcomes, bands, "stack",
              x_max=last),
        Chart("How long their answers took, from the intended start", "ms", latency, bands, log=True, x_max=last),
    ]  # fmt: skip
    ends = [(write.intended - run.began, write.took_s * 1000) for write in run.followed if write.took_s is not None]
    if ends:
        series = Series("request to applied", _BLUE, ends)
        charts.append(
            Chart("How long writes took to be applied", "ms", [series], bands, "dots", log=True, x_max=last)
        )  # fmt: skip
    return charts


def _steps(values: Sequence[float]) -> Points:
    """One value a second, held for its second."""
    return [(second + part, value) for second, value in enumerate(values) for part in (0.0, 1.0)]
