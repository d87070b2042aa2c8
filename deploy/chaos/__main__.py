"""`python -m deploy.chaos [--json FILE] NAME ...|all|heal`: experiments on the running stack of this clone. Exit code
0: passed, 1: deviated, 2: unknown, or it could not be tried."""

import argparse
import dataclasses
import fcntl
import json
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.chaos import report
from deploy.chaos.containers import ContainerStack
from deploy.chaos.experiment import Experiment
from deploy.chaos.experiments import ALL
from deploy.chaos.guard import mended_after
from deploy.chaos.journal import CHAOS, Journal
from deploy.chaos.local import LocalStack
from deploy.chaos.mend import mend
from deploy.chaos.run import run
from deploy.chaos.stack import Stack
from deploy.chaos.traffic import Traffic
from deploy.chaos.verdict import EXIT_CODES
from deploy.local.postpone import ENDING
from deploy.local.problem import Problem
from deploy.local.say import say

_RATES = (1.0, 200.0)
_DURATIONS_S = (3.0, 600.0)
#: Of each, when all of them are run.
_SHORT_S = 9.0
#: What prepares and mends comes on top of a fault's duration.
_AROUND_S = 120.0


def main() -> int:
    """Runs them one after another; each begins with a stack that is well."""
    parser = argparse.ArgumentParser(prog="python -m deploy.chaos", description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*ALL, "all", "heal"], metavar="NAME")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write a report for machines there as well")
    parser.add_argument("--stack", choices=["local", "docker"], default=os.environ.get("STACK") or "local")
    parser.add_argument("--duration", type=float, default=_number("DURATION"), help="of the fault, in seconds")
    parser.add_argument("--rate", type=float, default=_number("RATE") or 20.0, help="requests a second")
    told = parser.parse_args()
    for number in ENDING:  # a closed terminal and `kill` are a Ctrl-C: what was broken is mended
        signal.signal(number, signal.default_int_handler)
    journal = Journal()
    try:
        _check("--rate", told.rate, _RATES)
        if told.duration is not None:
            _check("--duration", told.duration, _DURATIONS_S)
        with _alone():
            if told.names == ["heal"]:
                return _heal(journal)
            return _run_all(told, journal)
    except Problem as problem:
        say(f"{problem}")
        return 2
    except KeyboardInterrupt:
        say("\nInterrupted; everything that was broken is mended.")
        return 130
    except Exception:  # noqa: BLE001 - 1 would say that the hypothesis is wrong
        traceback.print_exc()
        return 2


def _run_all(told: argparse.Namespace, journal: Journal) -> int:
    wanted = list(ALL) if "all" in told.names else [name for name in told.names if name in ALL]
    short_s = _SHORT_S if "all" in told.names else None
    runs, troubles = [], []
    for name in wanted:
        experiment = ALL[name]
        duration_s = told.duration or short_s or experiment.duration_s
        experiment = dataclasses.replace(experiment, duration_s=duration_s)
        try:
            runs.append(_run_one(experiment, journal, told))
            say(report.for_people(runs[-1]))
        except Problem as problem:
            troubles.append(name)
            say(f"  {name}: UNKNOWN, it could not be tried: {problem}\n")
    if len(wanted) > 1 and runs:
        say(report.summary(runs))
    if told.json:
        told.json.write_text(json.dumps([report.for_machines(each, told.stack) for each in runs], indent=2) + "\n")
    words = {each.verdict.word for each in runs}
    return EXIT_CODES["deviated"] if "deviated" in words else 2 if troubles or "unknown" in words else 0


def _run_one(experiment: Experiment, journal: Journal, told: argparse.Namespace) -> report.Run:
    say(f"\n{experiment.name}: {experiment.breaks}\n  Hypothesis: {experiment.hypothesis}\n")
    if journal.read():
        say("  An earlier run was cut off; mending what it broke")
        mend(journal, told=say)
    with mended_after(journal, say):
        stack = _stack(told.stack, journal, experiment.duration_s + _AROUND_S)
        return run(experiment, stack, journal, Traffic(stack.api, told.rate), say)


def _stack(name: str, journal: Journal, lasts_s: float) -> Stack:
    return ContainerStack(journal, lasts_s) if name == "docker" else LocalStack(journal, lasts_s)


def _heal(journal: Journal) -> int:
    left = journal.read()
    whole = mend(journal, told=say)
    say(f"Mended: {len(left)} things." if left else "Nothing is broken on purpose.")
    return 0 if whole else 1


@contextmanager
def _alone() -> Iterator[None]:
    """One experiment at a time on this clone's stack."""
    CHAOS.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (CHAOS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problem(
                "another experiment is under way in this clone", "wait for it, or end it with Ctrl-C"
            ) from None
        yield


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
