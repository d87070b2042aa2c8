"""`python -m deploy.scenarios [--stack docker] [--json FILE] NAME`: run one on the stack of this clone. Exit code 0:
all as expected, 1: not so, 2: it could not be tried."""

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.announce import Announcer
from deploy.local import stack
from deploy.local.outages import Outages
from deploy.local.postpone import ENDING
from deploy.local.problem import Problem
from deploy.local.settings import saved
from deploy.scenarios import database_down, errors, redis_down, show
from deploy.scenarios.compose_stack import ComposeStack
from deploy.scenarios.local_stack import LocalStack
from deploy.scenarios.run import Result, Stack, run
from deploy.scenarios.steps import Scenario

_ALL = {scenario.name: scenario for scenario in (database_down.SCENARIO, redis_down.SCENARIO, errors.SCENARIO)}


def main() -> int:
    """Shows each step as it happens."""
    parser = argparse.ArgumentParser(prog="python -m deploy.scenarios", description=__doc__)
    parser.add_argument("name", choices=_ALL)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write a report for machines there as well")
    parser.add_argument("--stack", choices=("local", "docker"), default="local", help="processes, or containers")
    told = parser.parse_args()
    for number in ENDING:  # a closed terminal and `kill` are a Ctrl-C: what was broken is mended
        signal.signal(number, signal.default_int_handler)
    return _run(_ALL[told.name], told.stack, told.json)


@contextlib.contextmanager
def _stack(kind: str, fault: str) -> Iterator[Stack]:
    """The running one; `fault`: what its outages are announced as. Raises Problem when there is none."""
    if kind == "docker":
        with ComposeStack(fault) as running:
            yield running
        return
    supervisor = stack.running()
    if supervisor is None:
        raise Problem("the stack is not running", "make up")
    with (
        Outages(supervisor, saved()) as outages,
        LocalStack(saved(), outages, fault, Announcer.of_this_clone()) as local,
    ):
        yield local


def _run(scenario: Scenario, kind: str, report: Path | None) -> int:
    results: list[Result] = []
    trouble = ""
    show.told(show.heading(scenario))
    try:
        with _stack(kind, scenario.name) as running:
            for result in run(scenario, running, show.progress):
                results.append(result)
                show.told(show.step(len(results), result))
    except Problem as problem:
        trouble = str(problem)
    except KeyboardInterrupt:
        trouble = "interrupted; what was stopped runs again"
    show.told(show.verdict(scenario, results, trouble))
    document = show.for_machines(scenario, results, trouble)
    if report:
        report.write_text(json.dumps(document, indent=2) + "\n")
    return 2 if trouble else 0 if document["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
