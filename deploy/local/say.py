"""Saying things to whoever started the command, and noticing that nobody listens any more."""

import contextlib
import select
import sys


def say(text: str) -> None:
    """Print at once. A closed terminal is no reason to leave a clean-up half done."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def nobody_listens() -> bool:
    """Whether the terminal was closed or the pipe's other end has gone."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are told unasked
    return bool(poll.poll(0))
