"""`python -m tests.mutants [--only NAME …] [--jobs 2] [--all] [--proofs tests …] [--for-s SECONDS]`. Plants each bug in
a copy of the project, and finds out which proof catches it.

Exit code 0: all bugs are caught, and without them the tree passes the same proofs; 1: a bug survives every proof; 2:
the result is unknown, because a proof fails without a bug, accuses a harmless change, or has not run yet (the time of
`--for-s` was over: another run continues).
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests import command
from tests.mutants import matrix
from tests.mutants.planted import planted
from tests.mutants.proofs import Kind
from tests.mutants.results import Results
from tests.mutants.run import Run
from tests.mutants.tree import ROOT, copy

_RESULTS = ROOT / ".local/mutants/results.json"


def main() -> int:
    """Run the proofs, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], help="names of bugs")
    parser.add_argument("--jobs", type=int, default=1, help="bugs at once")
    parser.add_argument("--all", action="store_true", help="every proof for each bug, not only until one catches it")
    parser.add_argument("--proofs", nargs="+", type=Kind, default=list(Kind), help="what others found stays")
    parser.add_argument("--for-s", type=float, default=float("inf"), help="begin nothing after so long")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="kept elsewhere than usual: no page")
    options = parser.parse_args()
    bugs = [bug for bug in planted() if not options.only or bug.name in options.only]
    if unknown := set(options.only) - {bug.name for bug in bugs}:
        parser.error(f"no such bug: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    until = time.monotonic() + options.for_s
    with tempfile.TemporaryDirectory(prefix="holdfast-mutants-") as folder:
        clean = copy(ROOT, Path(folder) / "clean")
        last = {} if options.all else matrix.last(bugs)
        run = Run(clean, Results(options.results), kinds=options.proofs, until=until, last=last)
        lines = run.all(bugs, options.jobs)
    sys.stdout.write(matrix.terminal(lines))
    if options.results == _RESULTS:
        matrix.write(lines)
    return matrix.verdict(lines)


if __name__ == "__main__":
    command.run(main)
