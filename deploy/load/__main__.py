"""`python -m deploy.load NAME [--help]`. Exit code 0: passed, 1: failed, 2: unknown, or it could not be tried."""

import gc
import importlib
import signal
import sys

from deploy.local.output import Problem
from deploy.local.postpone import ENDING

_NAMES = {
    "steady": "deploy.load.steady",
    "with-failures": "deploy.load.with_failures",
    "error-rates": "deploy.load.error_rates",
    "recovery": "deploy.load.recovery",
    "scaling": "deploy.load.scaling",
}


def main(arguments: list[str]) -> int:
    """Run the named test, and return the exit code."""
    if not arguments or arguments[0] not in _NAMES:
        sys.stderr.write(f"{__doc__}\nNAME is one of: {', '.join(_NAMES)}\n")
        return 2
    for number in ENDING:  # a closed terminal and `kill` count as Ctrl-C, so that what was broken is mended
        signal.signal(number, signal.default_int_handler)
    # A full collection would stop the generator for tens of milliseconds; a run ends before garbage matters.
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    sys.setswitchinterval(0.0005)  # the other threads only watch and wait
    try:
        return int(importlib.import_module(_NAMES[arguments[0]]).main(arguments[1:]))
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
