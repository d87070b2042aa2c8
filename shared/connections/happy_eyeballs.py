"""Happy eyeballs (RFC 8305): connects to the first of a name's addresses that answers. They are tried in the resolver's
order, each with a short head start, so that an address that drops packets does not use up the connect timeout."""

import asyncio
import os
import selectors
import socket
import time
from contextlib import ExitStack, suppress

import aiohappyeyeballs

#: Seconds between the attempts at two addresses; a small part of every connect timeout, which covers all attempts.
_HEAD_START_S = 0.05


async def connected(host: str, port: int) -> socket.socket:
    """Return a connected socket. Raises OSError, or RuntimeError from uvloop."""
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=_HEAD_START_S)


def connected_in_thread(host: str, port: int, most_s: float) -> socket.socket:
    """Block until a socket is connected, and return it. `most_s` begins when the name is resolved. Raises OSError."""
    untried = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    end = time.monotonic() + most_s
    failure: OSError | None = None
    with ExitStack() as attempts, selectors.DefaultSelector() as pending:
        while untried or pending.get_map():
            if untried:
                family, kind, protocol, _, address = untried.pop(0)
                try:
                    attempt = attempts.enter_context(socket.socket(family, kind, protocol))
                    attempt.setblocking(False)
                    with suppress(BlockingIOError):  # the attempt goes on
                        attempt.connect(address)
                except OSError as error:  # also where the kernel lacks the family
                    failure = error
                    continue
                pending.register(attempt, selectors.EVENT_WRITE, attempt)
            left_s = end - time.monotonic()
            if left_s <= 0:
                break
            for key, _ in pending.select(min(_HEAD_START_S, left_s) if untried else left_s):
                pending.unregister(key.fileobj)
                one: socket.socket = key.data
                code = one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not code:
                    return one.dup()
                failure = OSError(code, os.strerror(code))
    raise failure or TimeoutError("timed out")
