"""`python -m tests.crash.replay [--letters 10000] [--seconds 60] [--seed N]`: exit code 0 passed, 1 failed."""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.crash.replay_drill import run


def main() -> int:
    """One drill."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.replay", description="kill -9 during a replay")
    parser.add_argument("--letters", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--keep", action="store_true", help="keep the logs and the data, and say where they are")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="holdfast-replay-"))
    try:
        drill = run(folder, options.letters, options.seconds, options.seed)
    finally:
        if options.keep:
            print(f"kept: {folder}")  # noqa: T201
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(drill.table())  # noqa: T201 - this is its output
    return 1 if drill.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
