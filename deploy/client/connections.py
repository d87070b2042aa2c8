"""HTTP/1.1 over keep-alive connections, as many as are needed at once.

Written directly on httptools: a client library costs several times what a request costs here, and a slow generator
measures itself.
"""

import asyncio
import ssl
import time
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httptools

from holdfast.shared.connections.address import host_and_port

#: Shorter than servers keep idle connections, so that a request rarely meets a connection that is just being closed.
_IDLE_S = 3.0
_CONNECT_S = 5.0
TIMEOUT_S = 10.0


class Response(NamedTuple):
    """A response. `status`: 0 if none came, for the reason in `why`. `retry_after`: whether the header is present."""

    status: int
    body: bytes = b""
    degraded: bool = False
    retry_after: bool = False
    why: str = ""


class Address(NamedTuple):
    """The address of a server."""

    host: str
    port: int
    tls: bool = False


def address_of(url: str) -> Address:
    """Return the address in `http://host:port`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError(f"{url!r} is not http://HOST:PORT")
    return Address(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), parts.scheme == "https")


class Connections:
    """The connections to one server. `headers`: whole lines, sent with every request."""

    def __init__(self, address: Address, headers: str = "", timeout_s: float = TIMEOUT_S) -> None:
        self._address = address
        self._timeout_s = timeout_s
        self._always = f"HTTP/1.1\r\nHost: {host_and_port(address.host, address.port)}\r\n{headers}"
        self._idle: list[_Connection] = []
        self._tls = ssl.create_default_context() if address.tls else None

    async def request(self, method: str, path: str, headers: str = "", body: bytes = b"") -> Response:
        """Send a request, and return the response. `headers`: whole lines. Never raises because of the server."""
        try:
            connection = self._kept() or await self._new()
        except TimeoutError:
            return Response(0, why="connect_timeout")
        except OSError as error:
            return Response(0, why=f"connect_{type(error).__name__}")
        head = f"{method} {path} {self._always}{headers}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        response = await connection.request(head.encode() + b"\r\n" + body, self._timeout_s)
        if connection.usable:
            self._idle.append(connection)
        return response

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _kept(self) -> "_Connection | None":
        """Return the connection that was used last, which the server is the least likely to be closing."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable and time.monotonic() - connection.used < _IDLE_S:
                return connection
            connection.close()
        return None

    async def _new(self) -> "_Connection":
        loop = asyncio.get_running_loop()
        host, port, _ = self._address
        async with asyncio.timeout(_CONNECT_S):
            _, made = await loop.create_connection(_Connection, host, port, ssl=self._tls)
        return made


class _Connection(asyncio.Protocol):
    """A connection, for one request at a time."""

    def __init__(self) -> None:
        self.used = 0.0
        self._open = False
        self._waiting: asyncio.Future[Response] | None = None

    @property
    def usable(self) -> bool:
        """Whether it can carry another request."""
        return self._open and self._waiting is None

    async def request(self, data: bytes, timeout_s: float) -> Response:
        """Send a request, and return the response, whose status is 0 if none came."""
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._degraded = self._retry_after = False
        timer = loop.call_later(timeout_s, self._give_up, "timeout")
        self._transport.write(data)
        try:
            return await self._waiting
        finally:
            timer.cancel()
            if self._waiting is not None:  # the request was cancelled
                self._give_up("cancelled")

    def close(self) -> None:
        """Close the connection at once."""
        self._open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._open = True

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the server closed the connection."""
        self._open = False
        self._end(Response(0, why="reset" if error else "closed"))

    def data_received(self, data: bytes) -> None:
        """Parse a part of a response."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, AttributeError):
            self._give_up("not_http")

    def on_header(self, name: bytes, _: bytes) -> None:
        """Note the headers that decide the outcome."""
        length = len(name)
        if length == 10 and name.lower() == b"x-degraded":
            self._degraded = True
        elif length == 11 and name.lower() == b"retry-after":
            self._retry_after = True

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Complete the response. Interim responses (1xx) are skipped."""
        status = self._parser.get_status_code()
        if status < 200:
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._end(Response(status, self._body, self._degraded, self._retry_after))

    def _give_up(self, why: str) -> None:
        self.close()
        self._end(Response(0, why=why))

    def _end(self, response: Response) -> None:
        waiting, self._waiting = self._waiting, None
        self.used = time.monotonic()
        if waiting is not None and not waiting.done():
            waiting.set_result(response)
