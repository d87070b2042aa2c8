"""`make load-test-scaling`: measures how fast 1, 2 and 4 writers work off a backlog, how well they keep up with steady
writes, and what the limit was. More writers than free cores cannot be faster; the page then says so."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path

import orjson
import uvloop

from deploy.charts import svg, table
from deploy.charts.table import ms
from deploy.client.connections import Connections, Response
from deploy.client.generator import Run
from deploy.client.outcome import Outcome
from deploy.client.plan import Plan, parse
from deploy.client.requests import Request
from deploy.client.session import session
from deploy.load import machine
from deploy.load.machine import Watch
from deploy.load.options import api_of, parser, variable, whole
from deploy.load.progress import log
from deploy.load.report import show
from deploy.load.scaling_verdict import bottleneck, chart
from deploy.load.summary import SLIP_MAX_MS, summarize
from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.stacks.running import running
from deploy.stacks.stack import Stack

PAGE = REPO / "docs" / "benchmarks" / "scaling.md"
_WRITERS = "1,2,4"
_FILL_PER_S = 3000.0
_SAMPLED_PER_S = 20.0
_STEADY_S = 10.0
_PATIENCE_S = 120.0
_POLL_S = 0.1
_HEAD = ("writers", "backlog", "worked off in", "writes/s", "steady e2e p50", "steady e2e p99", "cores used")


@dataclass(frozen=True, slots=True)
class Point:
    """The measurement of one number of writers. `drain_per_s`: between the first and the last sampled commit; `cores`:
    used by each process while the backlog was worked off."""

    writers: int
    backlog: int
    drain_s: float
    drain_per_s: float
    steady_p50_ms: float | None
    steady_p99_ms: float | None
    kept_schedule: bool
    cores: Mapping[str, float]
    limit: str


@dataclass(slots=True)
class _Queued:
    """Observes a run: counts the queued writes, and keeps the operation ids of `per_s` of them."""

    per_s: float
    count: int = 0
    ids: list[str] = field(default_factory=list)
    _next: float = 0.0

    def completed(self, intended: float, request: Request, response: Response, outcome: Outcome) -> None:
        """Note one completed request of the run."""
        if response.status != 202:
            return
        self.count += 1
        if intended >= self._next:
            self._next = intended + 1 / self.per_s
            self.ids.append(orjson.loads(response.body)["data"]["operation_id"])


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit code: 0: measured, 2: it was not possible."""
    quick = bool(variable("QUICK"))
    made = parser("scaling", __doc__)
    add = made.add_argument
    add("--writers", default=variable("WRITERS_LIST") or _WRITERS, help="numbers of writers, one after the other")
    add("--backlog", default=variable("BACKLOG") or (3000 if quick else 80_000), type=whole(500, 90_000), help="writes")
    add("--rate", default=variable("RATE") or 300.0, type=float, help="writes a second, to keep up with")
    add("--out", default=variable("OUT") or PAGE, type=Path, help="the page")
    options = made.parse_args(arguments)
    try:
        counts = [int(number) for number in options.writers.split(",")]
    except ValueError:
        raise Problem(f"WRITERS_LIST={options.writers} is not like {_WRITERS}") from None
    with running() as stack:
        api = api_of(options.api or stack.url("api"))
        points = [_point(stack, api, count, options.backlog, options.rate) for count in counts]
    text = _write(options.out, points, options.rate)
    show(text, [options.out, options.out.with_suffix(".json")])
    return 0 if all(point.kept_schedule for point in points) else 2


def _point(stack: Stack, api: str, writers: int, backlog: int, per_s: float) -> Point:
    log(f"no writers, until {backlog:,} writes are queued")
    stack.scale(0)
    fill = Plan(api, _FILL_PER_S, backlog / _FILL_PER_S, parse("writes=1"), follow_per_s=0)
    accepted, ids = uvloop.run(_fill(fill))
    log(f"{writers} writers work off {accepted:,}")
    stack.scale(writers)
    watch = Watch({**stack.pids(), "this generator": os.getpid()})
    ends = uvloop.run(_ends(api, ids))
    cores = _grouped(watch.shares())
    took_s = max(max(ends) - min(ends), 0.001)
    steady = uvloop.run(_steady(Plan(api, per_s, _STEADY_S, parse("writes=1"), follow_per_s=10.0)))
    summary = summarize(steady)
    ended = summary["all"]["end_to_end_ms"] or {}
    point = Point(
        writers,
        accepted,
        took_s,
        accepted * (len(ids) - 1) / len(ids) / took_s,
        ended.get("p50"),
        ended.get("p99"),
        summary["generator"]["slip_p99_ms"] <= SLIP_MAX_MS,
        cores,
        bottleneck(cores, len(os.sched_getaffinity(0))),
    )
    log("  ".join(_cells(point)) + f": {point.limit}")
    return point


async def _fill(plan: Plan) -> tuple[int, list[str]]:
    """Queue writes, and return how many were queued, with the operation ids of some."""
    queued = _Queued(_SAMPLED_PER_S)
    async with session(plan, queued) as generator:
        run = await generator.go()
    if queued.count < plan.per_s * plan.duration_s / 2 or len(queued.ids) < 2:
        counts = Counter(sample.outcome.word for sample in run.samples)
        raise Problem(f"no backlog can be made: {dict(counts)}", "make status")
    return queued.count, queued.ids


async def _ends(api: str, ids: Sequence[str]) -> list[float]:
    """Return when the writer committed each of these, in Unix seconds, polling until the last has ended."""
    async with session(Plan(api, mix=parse("writes=1"))) as generator:
        async with asyncio.timeout(_PATIENCE_S):
            return [await _ended_at(generator.polling, operation_id) for operation_id in reversed(ids)]


async def _ended_at(polling: Connections, operation_id: str) -> float:
    while True:
        response = await polling.request("GET", f"/operations/{operation_id}")
        if response.status == 200 and (ended_at := orjson.loads(response.body)["data"]["ended_at"]):
            return datetime.fromisoformat(ended_at).timestamp()
        await asyncio.sleep(_POLL_S)


async def _steady(plan: Plan) -> Run:
    async with session(plan) as generator:
        return await generator.go()


def _grouped(shares: Mapping[str, float]) -> dict[str, float]:
    """Add the writers together."""
    writers = sum(share for name, share in shares.items() if name.startswith("writer-"))
    return {name: share for name, share in shares.items() if not name.startswith("writer-")} | {"writers": writers}


def _cells(point: Point) -> list[str]:
    used = f"{point.cores['machine']:.2f}" if point.cores else "–"
    return [
        str(point.writers),
        f"{point.backlog:,}",
        f"{point.drain_s:.1f} s",
        f"{point.drain_per_s:,.0f}",
        f"{ms(point.steady_p50_ms)} ms",
        f"{ms(point.steady_p99_ms)} ms",
        used,
    ]


def _write(path: Path, points: Sequence[Point], per_s: float) -> str:
    on = machine.describe()
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": on, "steady_per_s": per_s, "points": [asdict(point) for point in points]}
    path.with_suffix(".json").write_text(json.dumps(document, indent=2) + "\n")
    drawn = svg.write([chart([(p.writers, p.drain_per_s) for p in points])], path.with_suffix(".svg"))
    rows = [_cells(point) for point in points]
    lines = [
        "# How it scales with writers",
        "",
        "Generated by `make load-test-scaling`; not edited by hand.",
        "",
        table.markdown(_HEAD, rows),
        "",
        *(f"- {point.writers} writers: {point.limit}" for point in points),
        "",
        *(f"![Writes a second by number of writers]({one.name})\n" for one in drawn),
        "The backlog is made while no writer runs; the rate is from the first to the last commit of writes spread"
        f" evenly over it. Steady: {per_s:g} writes/s for {_STEADY_S:g} s, from request to seen applied.",
        "",
        *(f"- {name}: {value}" for name, value in on.items()),
        "",
    ]
    path.write_text("\n".join(lines))
    return "\n".join([table.text(_HEAD, rows), "", *(f"{p.writers} writers: {p.limit}" for p in points)])
