"""`python -m deploy.stacks.guard JOURNAL`: waits for the end of its standard input, which comes when the runner ends,
however it ends. Then it mends what the journal still holds."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.places import REPO
from deploy.local.postpone import ENDING, postponed
from deploy.stacks.journal import Journal
from deploy.stacks.mend import mend, mend_aloud

_END_S = 120.0


@contextmanager
def mended_after(journal: Journal, report: Callable[[str], None]) -> Iterator[None]:
    """Mend whatever the block broke, however the block ends: by Ctrl-C or kill -9 of this process too."""
    command = [sys.executable, "-m", "deploy.stacks.guard", str(journal.path)]
    with (journal.folder / "guard.log").open("ab") as log:
        guard = subprocess.Popen(
            command, cwd=REPO, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        try:
            mend_aloud(journal, report)
        finally:  # the guard mends what this process could not
            with postponed():
                guard.communicate(timeout=_END_S)


def main(arguments: list[str]) -> int:
    """Mend, and return the exit code: 0 if nothing is left."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.read()
    return 0 if mend(Journal(Path(arguments[0])), report=lambda text: print(text, file=sys.stderr)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
