"""Postpone: steps that must not be interrupted. Ctrl-C, `kill` and a closed terminal take effect after them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

#: The signals that ask a command to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def postponed() -> Iterator[None]:
    """Raise KeyboardInterrupt after the block instead of in it. Commands that the block runs get these signals as
    usual."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt
