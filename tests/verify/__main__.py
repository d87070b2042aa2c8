"""`python -m tests.verify [--full] [--seed N]`: exit code 0 true, 1 false, 2 unknown."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from deploy.load.report import folder
from deploy.local.output import Problem
from tests import command
from tests.promises.verdict import Word
from tests.verify import pictures, report
from tests.verify.copied import in_a_copy
from tests.verify.run import HA, STAGES, Plan, run

#: Seconds of load. Starting, coming to rest and the audit take about half a minute more.
_SECONDS, _FULL_SECONDS = 60.0, 560.0
_PER_S = 40.0
_LETTERS_PER_S = 30


def main() -> int:
    """Run once, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.verify", description="Every promise, under every fault")
    parser.add_argument("--full", action="store_true", help="ten minutes instead of a minute and a half")
    parser.add_argument("--on", choices=sorted(STAGES), default="processes", help="where the system runs")
    parser.add_argument("--seconds", type=float, help="of the load")
    parser.add_argument("--rate", type=float, default=_PER_S, help="requests a second")
    parser.add_argument("--partitions", type=int, default=1, help="of the queue, in every service")
    parser.add_argument("--letters", type=int, help="dead letters to mend and replay meanwhile")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--out", type=Path, help="a folder for the report")
    parser.add_argument("--picture", type=Path, help="draw the run into this SVG file too")
    parser.add_argument("--here", action="store_true", help="ha: in this clone, not in a copy of it")
    parser.add_argument("--keep", action="store_true", help="keep the logs and the data, and print where they are")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that nothing is left behind
    seconds = options.seconds or (_FULL_SECONDS if options.full else _SECONDS)
    letters = int(seconds * _LETTERS_PER_S) if options.letters is None else options.letters
    data = Path(tempfile.mkdtemp(prefix="holdfast-verify-"))
    out = options.out or folder("verify")
    try:
        if options.on == HA and not options.here:
            return in_a_copy(data, [*sys.argv[1:], "--seed", str(options.seed)], out)
        done = run(
            data, Plan(options.seed, seconds, options.rate, letters, on=options.on, partitions=options.partitions)
        )
    except Problem as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - this is its output
        return Word.UNKNOWN
    finally:
        if options.keep:
            print(f"kept: {data}")  # noqa: T201
        else:
            shutil.rmtree(data, ignore_errors=True)
    if options.picture:
        options.picture.write_text(pictures.standing_alone(done))
    files = report.write(out, done)
    print(report.terminal(done, files))  # noqa: T201 - this is its output
    return done.verdict.word


if __name__ == "__main__":
    command.run(main)
