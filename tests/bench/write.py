"""`python -m tests.bench.write`: the write path beside common alternatives, one table from one run.

Contestants take turns within each round, so that disturbances of the machine affect all of them. Ratios are taken round
by round, and the median is shown with the range. No number is compared with one from an earlier run.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench import accept, apply, commit_picture, latency, load, machine, page, verdict
from tests.bench.company import Company
from tests.bench.process import ROOT
from tests.bench.stage import Stage, stage
from tests.bench.table import Part, as_text


@dataclass(frozen=True, slots=True)
class Size:
    """The length of a run."""

    rounds: int
    accept_s: float
    backlog: int
    peer_backlog: int
    latency_s: float


#: The picture of where the time from a request to its commit goes; written beside the page.
_PICTURE = "write-commit.svg"
_FULL = Size(rounds=5, accept_s=3, backlog=20_000, peer_backlog=1_000, latency_s=10)
_QUICK = Size(rounds=3, accept_s=2, backlog=5_000, peer_backlog=300, latency_s=4)


@dataclass(frozen=True, slots=True)
class _Measured:
    """One part: what to show, its verdicts, and every round."""

    rows: Part
    verdicts: list[str]
    raw: Any


@dataclass(frozen=True, slots=True)
class _Cores:
    """`server` runs the process under measurement, `other` wrk and the stores. With one core, both are the same."""

    all: set[int]
    server: int
    other: int


def main() -> None:
    """Measure, print, and write the page. The exit code is 0 if everything was measured, whatever the verdicts."""
    options = _options()
    size = _QUICK if options.quick else _FULL
    parts = [part for part in _MEASURE if part in (options.only or _MEASURE)]
    cores = _cores()
    on = machine.describe(cores.all)
    began = time.monotonic()
    with stage() as stores:
        measured = _measure(stores, parts, size, cores)
        if (drawn := stores.folder / _PICTURE).exists():
            options.out.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(drawn, options.out.with_name(_PICTURE))
    command = " ".join(["python -m tests.bench.write", *sys.argv[1:]])
    table = [each.rows for each in measured.values()]
    verdicts = [line for each in measured.values() for line in each.verdicts]
    print("\n" + as_text(table) + "\n")  # noqa: T201 - it is a report
    print("\n".join(verdicts))  # noqa: T201
    raw = {"size": asdict(size), **{name: each.raw for name, each in measured.items()}}
    numbers = page.write(options.out, "The write path, measured", table, verdicts, on, _how(size), command, raw)
    took_s = time.monotonic() - began
    print(f"\n{took_s:.0f} s; page: {options.out}, every round: {numbers}")  # noqa: T201


def _measure(stores: Stage, parts: Sequence[str], size: Size, cores: _Cores) -> dict[str, _Measured]:
    measured = {}
    for part in parts:
        if part == "accept" and (missing := load.missing()):
            _say(f"accept is left out: {missing}")
            continue
        company = Company(stores.pids)
        rows, verdicts, raw = _MEASURE[part](stores, size, cores)
        others = company.cores()
        measured[part] = _Measured(
            rows, verdict.qualified(part, verdicts, others), {"others_cores": others, "rounds": raw}
        )
    return measured


def _accept(stores: Stage, size: Size, cores: _Cores) -> tuple[Part, list[str], Any]:
    loads = accept.measure(
        stores, rounds=size.rounds, seconds=size.accept_s, server_core=cores.server, load_core=cores.other, say=_say
    )
    return *verdict.accepting(loads), {name: [asdict(each) for each in rounds] for name, rounds in loads.items()}


def _apply(stores: Stage, size: Size, cores: _Cores) -> tuple[Part, list[str], Any]:
    rates = apply.measure(
        stores, rounds=size.rounds, writes=size.backlog, peer_writes=size.peer_backlog, cores=cores.all, say=_say
    )
    return *verdict.applying(rates), rates


def _latency(stores: Stage, size: Size, cores: _Cores) -> tuple[Part, list[str], Any]:
    rounds = latency.measure(stores, rounds=3, seconds=size.latency_s, cores=cores.all, say=_say)
    part, verdicts = verdict.latencies(rounds)
    commit_picture.draw([write for each in rounds for write in each.stages], stores.folder / _PICTURE)
    return (
        part,
        verdicts,
        [{name: value for name, value in asdict(each).items() if name != "stages"} for each in rounds],
    )


_MEASURE = {"accept": _accept, "apply": _apply, "latency": _latency}


def _how(size: Size) -> list[str]:
    return [
        "Redis with `appendonly yes` and `appendfsync always`, MariaDB with `innodb_flush_log_at_trx_commit=1`; both"
        " are emptied between rounds and shared by everyone. So every answer of a contestant that keeps anything says"
        " that it is on disk.",
        f"Accept: {size.rounds} rounds of {size.accept_s:g} s. wrk, {load.CONNECTIONS} connections, one thread, on the"
        " same core as the stores; the server under measurement on the other. Every request is another user with an"
        " Idempotency-Key of its own. Ours runs with everything on; nobody has a writer or worker running.",
        "Everybody uses the same pydantic model (ours, with its validators), the same uvicorn settings and the same"
        " garbage-collector settings. Nobody but ours looks at the Idempotency-Key.",
        f"Apply: {size.backlog:,} writes wait for ours and for the limit, {size.peer_backlog:,} for the task queues."
        " The rate is that between 10 % and 90 % done, from the `ended_at` that everyone sets just before inserting."
        " Nobody is pinned.",
        "The limit decodes the same JSON from memory and inserts the same two rows with PyMySQL's multi-row inserts,"
        " 500 writes a transaction; it has no queue to read, nothing to check and nothing to acknowledge.",
        "The Celery worker is prefork with one child; the taskiq worker is one process with its default thread pool."
        " Both insert the two rows and commit, message by message, over a kept PyMySQL connection.",
        f"Latency: {size.latency_s:g} s a round, evenly spaced sends, each measured from its intended time. The"
        " commit is seen by a poller, so it is an upper bound; `at least` takes `ended_at`, which is set just before"
        f" the insert. Where the time goes: [the picture]({_PICTURE}).",
    ]


def _cores() -> _Cores:
    usable = sorted(os.sched_getaffinity(0))[:2]
    return _Cores(set(usable), usable[0], usable[-1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.write", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--quick", action="store_true", help="about a minute and a half, less certain")
    parser.add_argument("--only", action="append", choices=list(_MEASURE), help="this part; may be given again")
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".local" / "bench" / "write.md",
        help="the page; the numbers of every round go beside it (default: .local/bench/write.md)",
    )  # fmt: skip
    return parser.parse_args()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    main()
