"""`python -m deploy.chaos [--json FILE] NAME ...|all|heal`: experiments on the running stack of this clone. Exit code
0: passed, 1: deviated, 2: unknown, or it could not be tried."""

import argparse
import dataclasses
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from textwrap import fill

from deploy.chaos import report
from deploy.chaos.experiment import Experiment
from deploy.chaos.experiments import ALL
from deploy.chaos.run import run
from deploy.chaos.verdict import EXIT_CODES
from deploy.local.output import Problem, echo
from deploy.local.postpone import ENDING
from deploy.stacks.running import KINDS, heal, running

_RATES = (1.0, 200.0)
_DURATIONS_S = (3.0, 600.0)
#: Seconds for each experiment when all of them run.
_SHORT_S = 9.0
#: Seconds to prepare and mend, in addition to a fault's duration.
_AROUND_S = 120.0


def main() -> int:
    """Run the experiments one after another, each on a healthy stack, and return the exit code."""
    options = _options()
    for number in ENDING:  # a closed terminal and `kill` count as Ctrl-C, so that what was broken is mended
        signal.signal(number, signal.default_int_handler)
    try:
        _check("--rate", options.rate, _RATES)
        if options.duration is not None:
            _check("--duration", options.duration, _DURATIONS_S)
        if options.names == ["heal"]:
            return 0 if heal() else 1
        return _run_all(options)
    except Problem as problem:
        echo(f"{problem}")
        return 2
    except KeyboardInterrupt:
        echo("\nInterrupted. The report is of what had ended before.")
        return 130
    except Exception:  # noqa: BLE001 - 1 would mean that the hypothesis is wrong
        traceback.print_exc()
        return 2


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.chaos", description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*ALL, "all", "heal"], metavar="NAME")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write a JSON report to this file")
    parser.add_argument("--stack", choices=KINDS, default=os.environ.get("STACK") or KINDS[0])
    parser.add_argument("--duration", type=float, default=_number("DURATION"), help="duration of the fault, in seconds")
    parser.add_argument("--rate", type=float, default=_number("RATE") or 20.0, help="requests per second")
    return parser.parse_args()


def _run_all(options: argparse.Namespace) -> int:
    everything = "all" in options.names
    every = [name for name, experiment in ALL.items() if not experiment.of_nodes]
    wanted = every if everything else [name for name in options.names if name in ALL]
    runs, untried = [], []
    for name in wanted:
        experiment = ALL[name]
        duration_s = options.duration or (_SHORT_S if everything else experiment.duration_s)
        try:
            runs.append(_run_one(dataclasses.replace(experiment, duration_s=duration_s), options))
            echo(report.for_people(runs[-1]))
        except Problem as problem:
            untried.append(name)
            echo(f"  {name}: UNKNOWN, it could not be tried: {problem}\n")
    if len(wanted) > 1 and runs:
        echo(report.summary(runs))
    if options.json:
        documents = [report.for_machines(each, options.stack) for each in runs]
        options.json.write_text(json.dumps(documents, indent=2) + "\n")
    words = {each.verdict.word for each in runs}
    return EXIT_CODES["deviated"] if "deviated" in words else 2 if untried or "unknown" in words else 0


def _run_one(experiment: Experiment, options: argparse.Namespace) -> report.Run:
    hypothesis = fill(f"Hypothesis: {experiment.hypothesis}", 110, initial_indent="  ", subsequent_indent="  ")
    echo(f"\n{experiment.name}: {experiment.breaks}\n{hypothesis}\n")
    with running(options.stack, experiment.duration_s + _AROUND_S) as stack:
        return run(experiment, stack, options.rate, echo)


def _number(name: str) -> float | None:
    text = os.environ.get(name)
    try:
        return float(text) if text else None
    except ValueError:
        raise SystemExit(f"{name}={text} is not a number") from None


def _check(name: str, value: float, bounds: tuple[float, float]) -> None:
    if not bounds[0] <= value <= bounds[1]:
        raise Problem(f"{name} {value:g} is not between {bounds[0]:g} and {bounds[1]:g}")


if __name__ == "__main__":
    sys.exit(main())
