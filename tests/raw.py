"""Raw: sends bytes to a server and parses the response, for requests that no HTTP client would send."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

ANSWER_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error in the envelope."""
        document = json.loads(self.body)
        assert document["success"] is False
        error: dict[str, Any] = document["error"]
        return error


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    """Yield a connection to a port of 127.0.0.1."""
    with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_DEADLINE_S) as wire:
        yield wire


def send(wire: socket.socket, data: bytes) -> None:
    """Send as much as possible: the server may have read enough and closed the connection."""
    with suppress(BrokenPipeError, ConnectionResetError):
        wire.sendall(data)


def answers_until_closed(wire: socket.socket) -> list[Answer]:
    """Return all responses until the server closes its half. Raises TimeoutError if it does not, and
    ConnectionResetError if it resets the connection."""
    received = b""
    while piece := wire.recv(65536):
        received += piece
    answers = []
    while received:
        answer, received = _first(received)
        answers.append(answer)
    return answers


def one_answer(wire: socket.socket) -> Answer:
    """Return the next response, and keep the connection open."""
    received = b""
    while True:
        piece = wire.recv(65536)
        assert piece, f"closed after {received!r}"
        received += piece
        head, found, body = received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            return _first(received)[0]


def _first(received: bytes) -> tuple[Answer, bytes]:
    head, found, rest = received.partition(b"\r\n\r\n")
    assert found, received
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    number = int(status.split(" ")[1])
    if number == 100:
        return _first(rest)
    length = _length(head)
    assert len(rest) >= length, f"half an answer: {received!r}"
    return Answer(number, headers, rest[:length]), rest[length:]


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0
