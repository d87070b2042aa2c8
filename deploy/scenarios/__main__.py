"""`python -m deploy.scenarios [--stack docker] [--json FILE] NAME`: run one on the stack of this clone. Exit code 0:
everything was as expected, 1: something was not, 2: it could not be tried."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

from deploy.announce import Announcer
from deploy.client.users import check_users
from deploy.local.output import Problem, echo
from deploy.local.postpone import ENDING
from deploy.scenarios import database_down, errors, redis_down, show
from deploy.scenarios.run import Result, run
from deploy.scenarios.steps import Scenario
from deploy.stacks.running import KINDS, running

_ALL = {scenario.name: scenario for scenario in (database_down.SCENARIO, redis_down.SCENARIO, errors.SCENARIO)}


def main() -> int:
    """Run the scenario, showing each step as it happens, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.scenarios", description=__doc__)
    parser.add_argument("name", choices=_ALL)
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write a JSON report to this file")
    parser.add_argument("--stack", choices=KINDS, default=os.environ.get("STACK") or KINDS[0])
    options = parser.parse_args()
    for number in ENDING:  # a closed terminal and `kill` count as Ctrl-C, so that what was broken is mended
        signal.signal(number, signal.default_int_handler)
    return _run(_ALL[options.name], options.stack, options.json)


def _run(scenario: Scenario, kind: str, report: Path | None) -> int:
    results: list[Result] = []
    trouble = ""
    echo(show.heading(scenario))
    try:
        with running(kind) as stack:
            check_users(stack.address("api"))
            for result in run(scenario, stack, Announcer.to(stack)):
                results.append(result)
                echo(show.step(len(results), result))
    except Problem as problem:
        trouble = str(problem)
    except KeyboardInterrupt:
        trouble = "interrupted"
    echo(show.verdict(scenario, results, trouble))
    document = show.for_machines(scenario, results, trouble)
    if report:
        report.write_text(json.dumps(document, indent=2) + "\n")
    return 2 if trouble else 0 if document["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
