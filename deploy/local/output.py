"""Output to the caller of a command, detection of a closed output, and problems worded so that a newcomer can act on
them."""

import contextlib
import select
import sys


def echo(text: str) -> None:
    """Print at once. A closed terminal does not interrupt a clean-up."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def output_closed() -> bool:
    """Return whether the terminal was closed, or the other end of the pipe is gone."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always reported
    return bool(poll.poll(0))


class Problem(Exception):
    """A problem in one sentence, and one line for each remedy."""

    def __init__(self, what: str, *fixes: str) -> None:
        super().__init__(what)
        self.fixes = fixes

    def __str__(self) -> str:
        return "\n".join([f"{self.args[0]}", *(f"  -> {fix}" for fix in self.fixes)])


DOCKER = "or run it with Docker instead, which needs none of this: docker compose up --build"
