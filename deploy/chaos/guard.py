"""`python -m deploy.chaos.guard`: waits for the end of its standard input, which is the end of the runner whatever it
died of, and mends what the journal still holds."""

import signal
import subprocess
import sys

from deploy.chaos.journal import CHAOS, Journal
from deploy.chaos.mend import mend
from deploy.local.places import REPO
from deploy.local.postpone import ENDING


def start() -> "subprocess.Popen[bytes]":
    """It ends when this process does, or when its standard input is closed."""
    with (CHAOS / "guard.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "deploy.chaos.guard"], cwd=REPO, stdin=subprocess.PIPE, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


def main() -> int:
    """Exit code 0: nothing is left."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    return 0 if mend(Journal(), told=sys.stderr.write) else 1


if __name__ == "__main__":
    sys.exit(main())
