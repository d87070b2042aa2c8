"""`make load-test`: sends steady traffic, as from many clients, and reports what they felt, with charts by intended
start."""

from collections import Counter
from collections.abc import Sequence

import uvloop

from deploy.charts.chart import Band, Chart, Points, Series
from deploy.client.generator import Run
from deploy.client.outcome import Outcome
from deploy.client.plan import Plan
from deploy.client.samples import percentiles_of
from deploy.client.session import session
from deploy.load import report
from deploy.load.interrupts import reported
from deploy.load.options import parser, plan_of, run_options
from deploy.load.progress import Progress, log
from deploy.load.summary import summarize
from deploy.load.verdict import Target, judge

TARGETS = "answered>=99.5,failed<=0.1,unanswered<=0.1,p99<=250,not_over<=0"


def main(arguments: Sequence[str]) -> int:
    """Run, and return the exit code: 0: passed, 1: failed, 2: unknown."""
    made = parser("steady", __doc__)
    run_options(made, Plan(""), TARGETS)
    plan, targets = plan_of(made.parse_args(arguments))
    log(f"{plan.per_s:g} requests/s to {plan.api} for {plan.duration_s:g} s")
    return conclude(uvloop.run(_run(plan)), targets, "Load test")


def conclude(run: Run, targets: Sequence[Target], title: str) -> int:
    """Report the run, and return the exit code."""
    summary = summarize(run)
    verdict = judge(summary, targets)
    files = report.write(report.folder(), title, summary, verdict, charts_of(run))
    report.show(report.terminal(summary, verdict), files)
    return verdict.word


async def _run(plan: Plan) -> Run:
    async with session(plan) as generator:
        with reported(generator):
            return await generator.go(Progress())


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
    """Return the charts, with the faults as bands behind the curves."""
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
    """Return one value per second, held for its second."""
    return [(second + part, value) for second, value in enumerate(values) for part in (0.0, 1.0)]
