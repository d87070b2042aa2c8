"""`python -m deploy.local.launch [--die-with-parent] NAME COMMAND...`: records this process under NAME, then becomes
COMMAND. The process id stays the same, so what supervises this process supervises COMMAND."""

import ctypes
import os
import signal
import sys

from deploy.local.processes import Process, record

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Become the command; never returns."""
    if arguments[0] == "--die-with-parent":
        arguments = arguments[1:]
        # Closing the terminal with `kill -9` must not leave a stack running unnoticed.
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    name, command = arguments[0], arguments[1:]
    myself = Process.of(os.getpid())
    if myself is None:
        raise SystemExit("there is no /proc; the local stack needs Linux")
    record(name, myself)
    os.execvp(command[0], command)  # noqa: S606 - the stack's own command line


if __name__ == "__main__":
    main(sys.argv[1:])
