"""`python -m deploy.compose`: checks the system that runs in containers, in some minutes. Exit code 0: passed; 1: a
check failed."""

import sys
import time

from deploy.compose.check import CHECKS
from deploy.local.output import Problem, echo


def main() -> int:
    """Run the checks, printing a line for each, and return the exit code. The first failure ends the run, because later
    checks build on earlier ones."""
    for check in CHECKS:
        about = (check.__doc__ or "").strip()
        began = time.monotonic()
        try:
            seen = check()
        except Problem as problem:
            echo(f"WRONG {about}\n      {problem}")
            return 1
        echo(f"ok    {about}  ({seen}; {time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
