"""Connection: one client and its server, joined by two pumps."""

import asyncio
import contextlib
import socket
import struct

from deploy.faults.faults import LoseReply
from deploy.faults.pump import Cut, Pump
from deploy.faults.switch import OneClient

#: The socket option SO_LINGER with 0 s: closing sends RST instead of FIN.
_AT_ONCE = struct.pack("ii", 1, 0)


class Connection:
    """Joins two sides until both have finished, one of them breaks the connection, or a fault does."""

    def __init__(self, switch: OneClient, accepted: socket.socket) -> None:
        self._switch = switch
        self._accepted = accepted
        self._client: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        #: The end of the bytes that were sent last, because the text of a command may begin there.
        self._tail = b""
        self._losing: LoseReply | None = None

    async def run(self, host: str, port: int, mark: int) -> None:
        """Run until the end. If cancelled, reset both sides. An unreachable server looks like a reset too, because the
        client is connected already. `mark`: the mark by which the packet filter recognizes our packets, or 0."""
        try:
            client = self._client = await asyncio.open_connection(sock=self._accepted)
            server = self._server = await _connected(host, port, mark)
            await self._joined(client, server)
            for _, writer in (client, server):
                writer.close()
                await writer.wait_closed()
        except* (OSError, Cut):
            pass  # a fault or one side ended the connection; the other side sees it now
        finally:
            self._reset()

    def _reset(self) -> None:
        """Send RST to both sides at once. This has no effect after an orderly end."""
        for _, writer in filter(None, (self._client, self._server)):
            with contextlib.suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            writer.transport.abort()

    async def _joined(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        up = Pump("up", self._switch, client[0], server[1], seen=self._command)
        down = Pump("down", self._switch, server[0], client[1], taken=self._reply)
        async with asyncio.TaskGroup() as both:
            both.create_task(up.run())
            both.create_task(down.run())

    def _command(self, chunk: bytes) -> None:
        wanted = self._switch.faults.lose_reply
        if wanted is None:
            self._tail = b""
            return
        text = wanted.to.encode()
        for _ in range((self._tail + chunk).count(text)):
            if self._switch.loses(wanted):
                self._losing = wanted
        self._tail = (self._tail + chunk)[-(len(text) - 1) :] if len(text) > 1 else b""

    def _reply(self, chunk: bytes) -> bool:
        """Return whether the client gets the reply. The first bytes of a reply prove that the command was executed."""
        if self._losing is None:
            return True
        self._switch.lost()
        if self._losing.then == "reset":
            raise Cut
        return False


def reset(side: socket.socket) -> None:
    """Send RST at once. This has no effect on a closed connection."""
    with contextlib.suppress(OSError):
        side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    side.close()


async def _connected(host: str, port: int, mark: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if not mark:
        return await asyncio.open_connection(host, port)
    marked = socket.socket()
    try:
        marked.setblocking(False)
        marked.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
        await asyncio.get_running_loop().sock_connect(marked, (host, port))
        return await asyncio.open_connection(sock=marked)
    except BaseException:
        marked.close()
        raise
