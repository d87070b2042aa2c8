"""Output to whoever started the command, and noticing that it is not read any more."""

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
