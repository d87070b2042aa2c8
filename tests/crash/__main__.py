"""`python -m tests.crash [--seconds 120] [--seed N]`: exit code 0 passed, 1 failed, 2 proved nothing."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.crash.drill import run
from tests.crash.report import table


def main() -> int:
    """One drill."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description="kill -9 of everything, under load")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--keep", action="store_true", help="keep the logs and the data, and say where they are")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-crash-"))
    try:
        drill = run(folder, options.seconds, options.seed)
    finally:
        if options.keep:
            print(f"kept: {folder}")  # noqa: T201
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(drill))  # noqa: T201 - this is its output
    if not drill.passed:
        return 1
    return 0 if drill.proved else 2


if __name__ == "__main__":
    sys.exit(main())
