"""The transport of an answer: its head is sent with the first piece of its body, and no data is held back for long."""

import asyncio
from typing import Any

from holdfast.shared.http.linger import LingeringTransport

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class _Raw:
    """Records what would be sent, one item per system call."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def writelines(self, pieces: list[bytes]) -> None:
        self.sent.append(b"".join(pieces))

    def write_eof(self) -> None:
        self.sent.append(b"<eof>")

    def close(self) -> None:
        self.sent.append(b"<close>")

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def _transport(*, unread: bool = False) -> tuple[_Raw, LingeringTransport]:
    raw: Any = _Raw()
    return raw, LingeringTransport(raw, asyncio.get_running_loop(), 0.01, lambda: unread)


async def test_a_head_and_its_body_are_sent_at_once() -> None:
    """A head and its body are sent in one call. A process that is killed in between has sent nothing, so a proxy may
    retry elsewhere."""
    raw, transport = _transport()
    transport.write(_HEAD)
    assert raw.sent == []
    transport.write(b"ok")
    transport.write(b"more")
    assert raw.sent == [_HEAD + b"ok", b"more"]
    await asyncio.sleep(0)
    assert raw.sent == [_HEAD + b"ok", b"more"]


async def test_a_head_whose_body_is_not_there_yet_is_not_held_back() -> None:
    """A head whose body is not there yet is sent in the next turn of the event loop, so that a stream's client learns
    at once that the stream has begun."""
    raw, transport = _transport()
    transport.write(_HEAD)
    await asyncio.sleep(0)
    assert raw.sent == [_HEAD]
    transport.write(b"ok")
    assert raw.sent == [_HEAD, b"ok"]


async def test_a_head_without_a_body_is_sent_before_the_end() -> None:
    """A head without a body is sent before the connection is closed, whether or not the client is still sending."""
    for unread, end in ((False, b"<close>"), (True, b"<eof>")):
        raw, transport = _transport(unread=unread)
        transport.write(_HEAD)
        transport.close()
        assert raw.sent == [_HEAD, end]


async def test_nothing_is_sent_on_a_connection_that_was_aborted() -> None:
    """Nothing is sent on an aborted connection, not even a head that was held back."""
    raw, transport = _transport()
    transport.write(_HEAD)
    transport.abort()
    await asyncio.sleep(0)
    assert raw.sent == []
