"""`python -m deploy.compose`: checks the system that runs in containers, some minutes long. Exit code 0: all is as it
should be; 1: not so."""

import sys
import time

from deploy.compose.check import CHECKS
from deploy.local.problem import Problem
from deploy.local.say import say


def main() -> int:
    """A line for each check; the first that fails ends it, because those after it build on it."""
    for check in CHECKS:
        about = (check.__doc__ or "").strip()
        began = time.monotonic()
        try:
            seen = check()
        except Problem as problem:
            say(f"WRONG {about}\n      {problem}")
            return 1
        say(f"ok    {about}  ({seen}; {time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
