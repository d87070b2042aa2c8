"""`python -m tests.bench.read`: reads beside common alternatives, one table from one run.

Contestants take turns within each round, so that disturbances of the machine affect all of them. Ratios are taken round
by round, and the median is shown with the range. No number is compared with one from an earlier run.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median

from tests.bench import load, machine, page, verdict
from tests.bench.accept import OURS
from tests.bench.company import Company
from tests.bench.load import Load
from tests.bench.process import ROOT
from tests.bench.reading import (
    BEFORE,
    CACHE_ASIDE,
    CEILING,
    CONNECTIONS,
    HEALTHY,
    PAGES,
    PLAIN,
    USERS,
    Cores,
    Reading,
    Results,
)
from tests.bench.stage import stage
from tests.bench.table import Part, Row, as_text
from tests.bench.verdict import busy, met, ratios

_OF_CEILING, _OF_CACHE_ASIDE, _PAGES_OF_BEFORE, _OF_HEALTHY = 0.65, 1.3, 2.0, 0.5
#: A difference below this factor is no difference: the rounds of one contestant differ by more.
_P99_NOISE = 1.1


@dataclass(frozen=True, slots=True)
class Size:
    """The length of a run."""

    rounds: int
    degraded_rounds: int
    seconds: float


_FULL = Size(rounds=4, degraded_rounds=2, seconds=4)
_QUICK = Size(rounds=2, degraded_rounds=1, seconds=2)


def main() -> None:
    """Measure, print, and write the page. The exit code is 0 if everything was measured, whatever the verdicts."""
    options = _options()
    if missing := load.missing():
        sys.exit(missing)
    size = _QUICK if options.quick else _FULL
    if options.seconds:
        size = replace(size, seconds=options.seconds)
    usable = sorted(os.sched_getaffinity(0))[:2]
    on = machine.describe(usable)
    began = time.monotonic()
    with stage() as stores:
        company = Company(stores.pids)
        reading = Reading(stores, Cores(usable[0], usable[-1]), size.seconds, _say)
        with reading.contestants(options.before) as contestants:
            healthy = reading.healthy(contestants, size.rounds)
            degraded = reading.degraded(contestants[OURS], size.degraded_rounds)
        others = company.cores()
    table = [
        *(_part(what, loads) for what, loads in healthy.items()),
        *(_degraded_part(drawn, loads) for drawn, loads in degraded.items()),
    ]
    reached = [line for drawn, loads in degraded.items() for line in _degraded_verdicts(drawn, loads)]
    verdicts = verdict.qualified("read", [*_verdicts(healthy), *reached], others)
    print("\n" + as_text(table) + "\n")  # noqa: T201 - it is a report
    print("\n".join(verdicts))  # noqa: T201
    raw = {
        "size": asdict(size), "others_cores": others,
        "healthy": {what: _raw(loads) for what, loads in healthy.items()},
        "degraded": {drawn: _raw(loads) for drawn, loads in degraded.items()},
    }  # fmt: skip
    command = " ".join(["python -m tests.bench.read", *sys.argv[1:]])
    numbers = page.write(options.out, "Reads, measured", table, verdicts, on, _how(size), command, raw)
    print(f"\n{time.monotonic() - began:.0f} s; page: {options.out}, every round: {numbers}")  # noqa: T201


def _part(what: str, loads: Mapping[str, Sequence[Load]]) -> Part:
    rates = {name: [each.requests_per_s for each in rounds] for name, rounds in loads.items()}

    def row(name: str) -> Row:
        aside, plain = (median(ratios(rates[name], rates[peer])) for peer in (CACHE_ASIDE, PLAIN))
        note = f"{aside:.2f} × cache-aside, {plain:.2f} × SQLAlchemy; {_note(loads[name])}"
        return _row(name, loads[name], ratios(rates[name], rates[CEILING]), note)

    return Part(f"Read {what}; ratio to the ceiling, bare FastAPI", [row(name) for name in loads])


def _degraded_part(drawn: str, loads: Mapping[str, Sequence[Load]]) -> Part:
    rows = [_row(what, rounds, _of_healthy(loads, what), _note(rounds)) for what, rounds in loads.items()]
    return Part(f"Read {drawn}, Holdfast with a store stopped; ratio to healthy", rows)


def _row(what: str, rounds: Sequence[Load], of: Sequence[float], note: str) -> Row:
    return Row(what, [each.requests_per_s for each in rounds], "requests/s", of, [each.p99_ms for each in rounds], note)


def _note(rounds: Sequence[Load]) -> str:
    return f"p50 {median(each.p50_ms for each in rounds):.1f} ms; {busy(rounds)}"


def _of_healthy(loads: Mapping[str, Sequence[Load]], what: str) -> list[float]:
    rates = {name: [each.requests_per_s for each in loads[name]] for name in (what, HEALTHY)}
    return ratios(rates[what], rates[HEALTHY])


def _verdicts(results: Results) -> list[str]:
    lines = []
    for what, loads in results.items():
        rates = {name: [each.requests_per_s for each in rounds] for name, rounds in loads.items()}
        ceiling, aside = (median(ratios(rates[OURS], rates[peer])) for peer in (CEILING, CACHE_ASIDE))
        if what != PAGES:
            lines += [
                f"{what}, of the ceiling: {ceiling:.2f}; aim {_OF_CEILING}: {met(ceiling >= _OF_CEILING)}",
                f"{what}, of cache-aside: {aside:.2f}; aim {_OF_CACHE_ASIDE}: {met(aside >= _OF_CACHE_ASIDE)}",
            ]
        if BEFORE not in loads:
            continue
        faster = median(ratios(rates[OURS], rates[BEFORE]))
        aim = f"; aim {_PAGES_OF_BEFORE:g}: {met(faster >= _PAGES_OF_BEFORE)}" if what == PAGES else ""
        lines.append(f"{what}, of what it was before: {faster:.2f}{aim}")
        p99, p99_before = (median(each.p99_ms for each in loads[name]) for name in (OURS, BEFORE))
        lines.append(f"{what}, p99: {p99:.1f} ms, before {p99_before:.1f}: {met(p99 <= p99_before * _P99_NOISE)}")
    return lines


def _degraded_verdicts(drawn: str, loads: Mapping[str, Sequence[Load]]) -> list[str]:
    shares = {what: median(_of_healthy(loads, what)) for what in loads if what != HEALTHY}
    return [
        f"{drawn}, {what}, of healthy: {share:.2f}; aim {_OF_HEALTHY}: {met(share >= _OF_HEALTHY)}"
        for what, share in shares.items()
    ]


def _raw(loads: Mapping[str, Sequence[Load]]) -> dict[str, list[dict[str, float]]]:
    return {name: [asdict(each) for each in rounds] for name, rounds in loads.items()}


def _how(size: Size) -> list[str]:
    return [
        f"{USERS:,} users in MariaDB; {size.rounds} rounds of {size.seconds:g} s. wrk, {CONNECTIONS} connections, one"
        " thread, on the same core as the stores; the server under measurement on the other.",
        "Which user is asked for is drawn once, and everybody is asked the same: uniformly, or by Zipf's law (exponent"
        " 1.1). Pages are all the same one.",
        "The ceiling always answers with the same user. Cache-aside reads a copy from Redis that is up to an hour old;"
        " everything is in its cache before the measurement. Ours asks the queue for writes on their way and the"
        " database for the row with every read: no answer is older than its request.",
        f"With a store stopped (SIGSTOP): {size.degraded_rounds} rounds, once the breaker of that store is open.",
        "`Holdfast, before` is an older checkout, measured in the same alternation (`--before FOLDER`).",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.read", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--quick", action="store_true", help="about two minutes, less certain")
    parser.add_argument("--seconds", type=float, help="of each measurement (default: 4, quick: 2)")
    parser.add_argument("--before", type=Path, help="the folder of an older checkout to measure beside this one")
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".local" / "bench" / "read.md",
        help="the page; the numbers of every round go beside it (default: .local/bench/read.md)",
    )  # fmt: skip
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    main()
