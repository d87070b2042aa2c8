"""Scripted: a real HTTP server that treats each request as its script says, and a clock that only sleeping advances."""

import json
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Request(NamedTuple):
    """A request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


#: An answer to a request: the bytes that are sent before the connection is closed.
Act = Callable[[Request], bytes]


def answer(status: int, document: object, **headers: str) -> Act:
    """Return the act that sends a whole response."""
    body = document.encode() if isinstance(document, str) else json.dumps(document).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{lines}\r\n"
    return lambda _: head.encode() + body


def half_of(act: Act) -> Act:
    """Return the act that closes the connection in the middle of the response."""
    return lambda request: act(request)[:-7]


def nothing(_: Request) -> bytes:
    """Close the connection without a response."""
    return b""


def refusal(status: int, code: str, kind: str = "service_unavailable", **more: Any) -> Act:
    """Return the act that sends an error in our envelope."""
    error = {"type": kind, "code": code, "message": "…", "retryable": True, "definite": True, "request_id": "r", **more}
    return answer(status, {"success": False, "error": error, "fallback_data": None})


def success(data: object, status: int = 200, meta: Mapping[str, object] | None = None, **headers: str) -> Act:
    """Return the act that sends a success in our envelope."""
    return answer(status, {"success": True, "data": data, "meta": {"request_id": "r", **(meta or {})}}, **headers)


class Server:
    """Listens until it is closed. `script`: an act for each request; the last act is repeated for all requests that
    follow."""

    def __init__(self, *script: Act) -> None:
        self._script = list(script)
        self.requests: list[Request] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        if self._socket.fileno() >= 0:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
            self._thread.join()
            self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                if (request := _read(connection)) is None:
                    continue
                self.requests.append(request)
                act = self._script.pop(0) if len(self._script) > 1 else self._script[0]
                connection.sendall(act(request))


def _read(connection: socket.socket) -> Request | None:
    raw = b""
    while b"\r\n\r\n" not in raw:
        if not (part := connection.recv(65_536)):
            return None
        raw += part
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65_536)
    method, path, _ = first.split(" ")
    return Request(method, path, headers, json.loads(body) if body else None)


class Time:
    """A clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Return the time in seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Advance the clock, and return at once."""
        self.slept.append(seconds)
        self.now_s += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Advance the clock, for asyncio."""
        self.sleep(seconds)
