"""Ports for servers under test that no other test process hands out, and that the kernel assigns to no connection.

A port that the kernel picked (`bind` to 0), and that is closed until a server listens on it, may be in use by another
process by then. So each test process takes blocks of ports below the kernel's own range. A block belongs to the process
that has bound its first port: other processes, of this run or another, cannot bind that port, and it is free again when
the process ends.
"""

import socket
from collections.abc import Iterator
from itertools import chain

#: Does not contain the usual ports of a stack and its copies (tests/readme).
RANGE = range(10_000, 15_000)
_BLOCK = 50


def free_port() -> int:
    """Return a port on which no server listens, and which neither this process nor any other that still runs has handed
    out."""
    return next(_ports)


def _blocks() -> Iterator[Iterator[int]]:
    for first in range(RANGE.start, RANGE.stop, _BLOCK):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", first))
        except OSError:
            claim.close()
            continue
        claim.detach()  # stays bound as long as this process runs; an open socket object would warn at its end
        yield filter(_is_free, range(first + 1, first + _BLOCK))
    raise AssertionError(f"all ports from {RANGE.start} to {RANGE.stop - 1} are taken")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


_ports = chain.from_iterable(_blocks())
