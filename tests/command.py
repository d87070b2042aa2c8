"""Command: how a command of this folder ends."""

import sys
from collections.abc import Callable
from typing import NoReturn

_INTERRUPTED = 130


def run(main: Callable[[], int]) -> NoReturn:
    """Exit with the result of `main`; after Ctrl-C with 130, and one line instead of a traceback."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: no verdict.\n")
        sys.exit(_INTERRUPTED)
