"""The proxy: listens, joins each client to the target by a connection of its own, and applies the faults."""

import asyncio
import contextlib
import errno
import socket
from collections import Counter

from deploy.faults.connection import Connection, reset
from deploy.faults.faults import Faults
from deploy.faults.switch import OneClient, Switch

_FOR_ALL = Faults()
#: The backlog of the listening socket.
_BACKLOG = 100
#: Errors which mean that no connection can be opened for now. Waiting clients stay in the backlog for a moment.
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_AGAIN_S = 0.2


class Proxy:
    """A proxy for one target, in one event loop: `async with Proxy("127.0.0.1", 3306) as proxy: ...`."""

    def __init__(
        self, target_host: str, target_port: int, host: str = "127.0.0.1", port: int = 0, *, mark: int = 0
    ) -> None:
        self._target = (target_host, target_port)
        self._host = host
        self._mark = mark
        self.port = port
        self._switch = Switch()
        self._listener: socket.socket | None = None
        self._reservation: socket.socket | None = None
        #: The task of each connection, and its client.
        self._open: dict[asyncio.Task[None], OneClient] = {}
        #: Number of connections accepted so far.
        self.accepted = 0
        #: Number of times that no connection could be opened.
        self.full = 0

    async def __aenter__(self) -> "Proxy":
        """Listen. Raises OSError if the port is taken."""
        # This socket is bound and never listens. It keeps the port ours while connections are refused.
        self._reservation = socket.socket()
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._reservation.bind((self._host, self.port))
        self.port = self._reservation.getsockname()[1]
        self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close everything."""
        self._stop_listening()
        await self._reset()
        if self._reservation:
            self._reservation.close()

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self._switch.faults

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._open)

    @property
    def clients(self) -> dict[str, int]:
        """The connected clients, and the number of connections of each."""
        return dict(Counter(client.name for client in self._open.values()))

    @property
    def lost_replies(self) -> int:
        """The number of replies lost since the faults were set."""
        return self._switch.lost_replies

    def redirect(self, host: str, port: int) -> None:
        """Send new connections to another server from now on. Open ones stay."""
        self._target = (host, port)

    async def set(self, faults: Faults) -> None:
        """Apply exactly these faults from now on, to open connections too."""
        self._switch.set(faults)
        if faults.reset:
            await self._reset(faults)
        if faults.refuse:
            self._stop_listening()
        elif self._listener is None:
            self._listen()

    def _listen(self) -> None:
        # No asyncio.Server: one that closes forgets, open, what it has accepted in the same turn of the loop.
        self._listener = socket.create_server((self._host, self.port), backlog=_BACKLOG, reuse_port=True)
        self._listener.setblocking(False)
        self._watch(self._listener)

    def _watch(self, listener: socket.socket) -> None:
        if listener is self._listener:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _stop_listening(self) -> None:
        if self._listener:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _reset(self, faults: Faults = _FOR_ALL) -> None:
        affected = [task for task, client in self._open.items() if faults.clients is None or faults.meet(client.name)]
        for task in affected:
            task.cancel()
        await asyncio.gather(*affected, return_exceptions=True)

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it has gone again
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self.full += 1
            loop = asyncio.get_running_loop()
            loop.remove_reader(listener)
            loop.call_later(_AGAIN_S, self._watch, listener)
            return
        self.accepted += 1
        client = OneClient(self._switch, peer)
        task = asyncio.create_task(self._serve(client, accepted))
        self._open[task] = client
        task.add_done_callback(lambda task: self._over(task, accepted))
        if client.faults.reset:
            task.cancel()

    async def _serve(self, client: OneClient, accepted: socket.socket) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # by `_reset` only, and the connection handles it
            await Connection(client, accepted).run(*self._target, self._mark)

    def _over(self, task: asyncio.Task[None], accepted: socket.socket) -> None:
        del self._open[task]
        reset(accepted)  # one that was cancelled before it began
