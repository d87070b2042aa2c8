"""`python -m tests.metastable`: the same stall under five policies, as a table and a picture.

The exit code is 1 if the run did not show what it is meant to show.
"""

import argparse
import sys
from pathlib import Path

from holdfast.shared.telemetry import logs
from tests.metastable.picture import draw
from tests.metastable.policies import POLICIES
from tests.metastable.run import HEALTHY_S, LOAD, STALL_S, Result, simulate


def main() -> int:
    """Run the demonstration."""
    options = _options()
    logs.configure("demo", "ERROR", "auto")
    print(  # noqa: T201 - it is a report
        f"One server, asked for {LOAD:.0%} of what it can do, stands still for {STALL_S} s. The minute after:\n"
    )
    print(f"{'':42}{'answered':>9}{'copy':>7}{'nothing':>9}   all answered again   sends per request")  # noqa: T201
    results = []
    for policy in POLICIES:
        results.append(simulate(policy, after_s=options.after, seed=options.seed))
        print(_line(results[-1]), flush=True)  # noqa: T201
    if options.out:
        draw(results, options.out)
        print(f"\npicture: {options.out}")  # noqa: T201
    naive, ours = results[1], results[-1]
    return 0 if naive.recovered_s is None and ours.recovered_s is not None else 1


def _line(result: Result) -> str:
    again = "never" if result.recovered_s is None else f"after {result.recovered_s} s"
    minute = range(HEALTHY_S + STALL_S, HEALTHY_S + STALL_S + 60)
    came, good, copies = (sum(column[s] for s in minute) for column in (result.came, result.good, result.refused))
    nothing = came - good - copies
    return (
        f"{result.policy:42}{good / came:9.0%}{copies / came:7.0%}{nothing / came:9.0%}"
        f"   {again:>18}   {result.amplification:17.2f}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.metastable", description="A stall that retries keep alive")
    parser.add_argument("--after", type=int, default=270, help="seconds to watch after the stall")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where to draw the picture (SVG)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
