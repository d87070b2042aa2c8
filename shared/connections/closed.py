"""Closed: whether a connection that nobody used was closed meanwhile, as the kernel knows it (about 1 us)."""

import select

#: The other side sends no more (Linux), or the connection is gone.
_CLOSED = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def is_closed(fileno: int) -> bool:
    """Whether either side has closed it. What the network lost without a word is not seen."""
    poll = select.poll()
    poll.register(fileno, _CLOSED)
    return bool(poll.poll(0))
