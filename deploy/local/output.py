"""Output to whoever started the command, and noticing that it is not read any more; and what keeps a command from
working, worded so that a newcomer can act on it."""

import contextlib
import select
import sys


def echo(text: str) -> None:
    """Print at once. A closed terminal is no reason to leave a clean-up half done."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def output_closed() -> bool:
    """Whether the terminal was closed, or the other end of the pipe is gone."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always reported
    return bool(poll.poll(0))


class Problem(Exception):
    """One sentence about what is wrong, and one line for each thing to do about it."""

    def __init__(self, what: str, *fixes: str) -> None:
        super().__init__(what)
        self.fixes = fixes

    def __str__(self) -> str:
        return "\n".join([f"{self.args[0]}", *(f"  -> {fix}" for fix in self.fixes)])


DOCKER = "or run it with Docker instead, which needs none of this: docker compose up --build"
