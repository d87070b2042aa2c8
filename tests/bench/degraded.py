"""`python -m tests.bench.degraded`: what clients notice of a database that hangs for ten seconds, in one run.

Measures read latency while healthy, in the first second of the freeze, and with the breaker open; and what became of
all requests.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from deploy.client.samples import percentiles
from deploy.load.summary import SLIP_MAX_MS
from tests.bench import freeze, machine, page, verdict
from tests.bench.company import Company
from tests.bench.freeze import Round
from tests.bench.process import ROOT
from tests.bench.stage import stage
from tests.bench.stalls import LONG_MS, OTHERS, Causes
from tests.bench.table import Part, Row, as_text

FIRST_MAX_MS = 1100.0
DEADLINE_S = 5.0
GOODPUT = 0.99


def main() -> None:
    """Measure, print, and write the page. The exit code is 0 if everything was measured, whatever the verdicts."""
    options = _options()
    cores = set(sorted(os.sched_getaffinity(0))[:2])
    on = machine.describe(cores)
    began = time.monotonic()
    with stage() as stores:
        company = Company(stores.pids)
        rounds = freeze.measure(stores, options.rounds, cores, _say)
        causes = freeze.traced(stores, cores, _say)
        others = company.cores()
    parts = [*_parts(rounds), _stalls(causes)]
    verdicts = verdict.qualified("freeze", [*_verdicts(rounds), _explained(causes)], others)
    command = " ".join(["python -m tests.bench.degraded", *sys.argv[1:]])
    print("\n" + as_text(parts) + "\n")  # noqa: T201 - it is a report
    print("\n".join(verdicts))  # noqa: T201
    raw = {"rounds": [_numbers(each) for each in rounds], "stalls_ms": causes}
    numbers = page.write(options.out, "A database that hangs, measured", parts, verdicts, on, _HOW, command, raw)
    print(f"\n{time.monotonic() - began:.0f} s; page: {options.out}, every round: {numbers}")  # noqa: T201


def _parts(rounds: Sequence[Round]) -> list[Part]:
    healthy = [each.healthy for each in rounds]

    def row(what: str, name: str, share: str) -> Row:
        values = [getattr(getattr(each, name), share) for each in rounds]
        return Row(f"{what}, {share}", values, "ms", [v / h.p99 for v, h in zip(values, healthy, strict=True)])

    latency = [
        row(what, name, share)
        for what, name in (
            ("healthy", "healthy"), ("first second of the freeze", "first_second"), ("breaker open", "breaker_open")
        )
        for share in ("p50", "p99", "max")
    ]  # fmt: skip
    fate = [
        Row(f"{kind}, of what left during the freeze", [each.during(kind) * 100 for each in rounds], "%")
        for kind in ("good", "degraded", "rejected", "failed")
    ]
    again = Row("from the thaw to the last answer that was not good", [each.good_again_s for each in rounds], "s")
    return [
        Part("Latency from the intended time; ratio to the healthy p99", latency),
        Part("What became of the requests", [*fate, again]),
    ]


def _stalls(causes: Mapping[str, Causes]) -> Part:
    rows = [
        row
        for when, by_cause in causes.items()
        for row in (
            Row(f"{when}, number", [sum(map(len, by_cause.values()))], ""),
            *(Row(f"{when}, {cause}", ms, "ms", note=f"{len(ms)} ×") for cause, ms in by_cause.items()),
        )
    ]
    return Part(f"Stalls of the api's event loop above {LONG_MS:.0f} ms, traced", rows)


def _explained(causes: Mapping[str, Causes]) -> str:
    own = sum(len(ms) for cause, ms in causes["breaker open"].items() if cause != OTHERS)
    return f"stalls above {LONG_MS:.0f} ms with the breaker open that are the api's own: {own}; aim 0: {_met(own == 0)}"


def _verdicts(rounds: Sequence[Round]) -> list[str]:
    open_ratio = median(each.breaker_open.p99 / each.healthy.p99 for each in rounds)
    first_ms = max(each.first_second.max for each in rounds)
    worst_s = max(each.worst_s for each in rounds)
    goodput = min(each.during("good", "degraded") for each in rounds)
    slip_ms = max(percentiles(each.slips_s).p99 for each in rounds)
    return [
        f"p99 with the breaker open is {open_ratio:.2f} of the healthy p99; aim <= 1: {_met(open_ratio <= 1)}",
        f"the slowest answer to what left in the first second took {first_ms:.0f} ms; aim <= {FIRST_MAX_MS:.0f}:"
        f" {_met(first_ms <= FIRST_MAX_MS)}",
        f"the slowest answer of all took {worst_s:.2f} s; the deadline is {DEADLINE_S:.0f} s:"
        f" {_met(worst_s < DEADLINE_S)}",
        f"good or degraded through the freeze: {goodput:.2%} in the worst round; aim >= {GOODPUT:.0%}:"
        f" {_met(goodput >= GOODPUT)}",
        f"the generator was late by {slip_ms:.1f} ms (p99 of the worst round; aim {SLIP_MAX_MS:.0f} ms):"
        f" {'it kept its schedule' if slip_ms <= SLIP_MAX_MS else 'the result is UNKNOWN'}",
    ]


def _numbers(each: Round) -> dict[str, object]:
    latencies = {name: asdict(getattr(each, name)) for name in ("healthy", "first_second", "breaker_open")}
    fate = {kind: each.during(kind) for kind in ("good", "degraded", "rejected", "failed")}
    return {**latencies, "fate": fate, "worst_s": each.worst_s, "good_again_s": each.good_again_s}


_HOW = [
    f"Open loop, {freeze.READS_PER_S} reads/s of {freeze.USERS} users and the list, {freeze.WRITES_PER_S} writes/s, one"
    f" api and one writer with their default settings. After {freeze.HEALTHY_S:.0f} s the database is stopped with"
    f" SIGSTOP for {freeze.FREEZE_S:.0f} s: connections stay open and nothing is answered.",
    "Good: 2xx as on any day. Degraded: 200 from a copy, marked as one. Rejected: 429 or 503 with Retry-After. Failed:"
    " anything else. A write during the freeze is good when it was accepted (202).",
    "Stalls: one more round, whose api has a beat in its event loop, and a thread that looks at what the loop does"
    " while the beat is late (`tests/bench/loop_trace.py`).",
    "Healthy leaves out the last second before the freeze: what left then may be answered during it.",
]


def _met(yes: bool) -> str:
    return "met" if yes else "NOT MET"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.degraded", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument("--rounds", type=int, default=3, help="32 s each")
    parser.add_argument("--out", type=Path, default=ROOT / ".local" / "bench" / "degraded.md", help="the page")
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    main()
