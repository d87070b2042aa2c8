"""`python -m tests.mutants.simulated`: runs the seeds of `seeds.txt` in the current tree, and prints a line of JSON for
each."""

import json
import sys
from pathlib import Path

from tests.simulation.forked import each
from tests.simulation.kept import Kept, kept
from tests.simulation.result import Result
from tests.simulation.run import run

SEEDS = Path(__file__).with_name("seeds.txt")
#: Processor seconds per run. Without a bug, a run takes a fifth of this at most.
_LIMIT_S = 25.0
#: Further failed seeds would add no information.
_FAILED_MAX = 3


def _run(one: Kept) -> Result:
    return run(one.plan, one.cut)


def main() -> None:
    """Run the seeds one after another, until some have failed."""
    failed = 0
    for one, result in each(kept(SEEDS.read_text()), _run, jobs=1, limit_s=_LIMIT_S):
        broken = sorted(result.broken) if result else ["no end"]
        sys.stdout.write(json.dumps({"seed": one.seed, "broken": broken}) + "\n")
        sys.stdout.flush()
        failed += bool(broken)
        if failed == _FAILED_MAX:
            return


if __name__ == "__main__":
    main()
