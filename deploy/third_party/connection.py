"""Connection: minimal HTTP/1.1. A web server would not let us truncate a response, send an endless one, or reset the
connection."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import NamedTuple, cast

import httptools

_BODY_MAX_BYTES = 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, 0 s


class Request(NamedTuple):
    """One request, with header names in lower case, and the path without its query."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool


class Wire(asyncio.Protocol):
    """One connection. `handle(request, wire)` handles its requests one after another, and writes the responses."""

    def __init__(self, handle: Callable[[Request, "Wire"], Awaitable[None]]) -> None:
        self._handle = handle
        self._waiting: asyncio.Queue[Request] = asyncio.Queue()
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._parser = httptools.HttpRequestParser(self)
        self._new()

    # --- towards the handler ---

    async def write(self, data: bytes) -> None:
        """Send bytes as fast as the other side reads."""
        self._transport.write(data)
        await self._may_write.wait()

    def close(self) -> None:
        """Close in good order, after everything written."""
        self._transport.close()

    def reset(self) -> None:
        """Send RST, which may discard what was written."""
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    @property
    def peer(self) -> str:
        """The address of the other side."""
        return str((self._transport.get_extra_info("peername") or ("",))[0])

    # --- from the transport ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to handle requests."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport only looks like one
        self._task = asyncio.get_running_loop().create_task(self._work())

    def connection_lost(self, _: Exception | None) -> None:
        """Stop handling requests."""
        self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse a part of a request, or of several."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def pause_writing(self) -> None:
        """Pause writing, because the other side reads slower."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """Resume writing, because the other side has caught up."""
        self._may_write.set()

    # --- from the parser ---

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._body += body
        if len(self._body) > _BODY_MAX_BYTES:
            self._transport.abort()

    def on_message_complete(self) -> None:
        """Queue a whole request."""
        path = self._url.partition(b"?")[0].decode("latin-1")
        method = self._parser.get_method().decode("latin-1")
        self._waiting.put_nowait(
            Request(method, path, self._headers, self._body, bool(self._parser.should_keep_alive()))
        )
        self._new()

    def _new(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body = b""

    async def _work(self) -> None:
        while True:
            request = await self._waiting.get()
            await self._handle(request, self)
            if not request.keep_alive:
                self.close()
