"""Closed: checks whether an idle connection was closed, by what the kernel knows (about 1 us)."""

import select

#: The other side sends no more data (Linux), or the connection is gone.
_CLOSED = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


def is_closed(fileno: int) -> bool:
    """Return whether either side has closed the connection. A connection that the network lost silently is not
    detected."""
    poll = select.poll()
    poll.register(fileno, _CLOSED)
    return bool(poll.poll(0))
