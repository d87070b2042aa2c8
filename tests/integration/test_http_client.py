"""The client for outgoing calls, over real connections to servers that send every kind of malformed HTTP."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.shared.http.client import (
    Answer,
    BadAnswer,
    CallFailed,
    HttpClient,
    Limits,
    NotReached,
    TookTooLong,
    TooManyAtOnce,
)
from tests.certificates import Authority
from tests.servers import free_port

_LIMITS = Limits(total_s=60.0, connect_s=30.0, body_max_bytes=10_000)
_JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextlib.asynccontextmanager
async def server(reply: bytes | None, *, close: bool = False, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve one request per connection with `reply` as it is, or never answer if it is None. Yields the port."""
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        if reply is not None:
            writer.write(reply)
            await writer.drain()
        if close:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        for writer in writers:
            writer.close()
        listening.close()


async def get(port: int, limits: Limits = _LIMITS, scheme: str = "http") -> Answer:
    """Make one call with a new client."""
    client = HttpClient("test", f"{scheme}://127.0.0.1:{port}/", in_flight_max=1)
    try:
        return await client.call("GET", "/data", limits, {"X-Request-ID": "req_of_the_test"})
    finally:
        await client.close()


def whole(body: bytes, *headers: bytes) -> bytes:
    """Return a complete JSON answer."""
    return b"".join([_JSON, *(h + b"\r\n" for h in headers), b"Content-Length: %d\r\n\r\n" % len(body), body])


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (b"\x16\x03\x01\x02\x00\x01" + bytes(100), "protocol"),
        (whole(b"{}", b"X-Large: " + b"x" * 50_000), "protocol"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + whole(b"{}"), "protocol"),
        (whole(b"\x1f\x8b\x08", b"Content-Encoding: gzip"), "encoding"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "content_type"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}", "content_type"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "content_type"),
        (_JSON + b"Content-Length: 10001\r\n\r\n", "too_large"),
        (whole(b"1" * 10_001), "too_large"),
        (_JSON + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", "protocol"),
        (whole(b""), "not_json"),
        (whole(b"\xff\xfe"), "not_json"),
        (whole(b'{"a": NaN}'), "not_json"),
        (whole(b'"\\ud800"'), "not_json"),
        (whole(b"[" * 2000), "not_json"),
        (whole(b"[" * 252 + b"]" * 252), "too_deep"),
    ],
    ids=lambda value: repr(value[:60]) if isinstance(value, bytes) else None,
)
async def test_what_is_no_answer_is_named(reply: bytes, why: str) -> None:
    """A malformed or unusable answer raises an error that names the reason."""
    async with server(reply) as port:
        with pytest.raises(BadAnswer) as caught:
            await get(port)
    assert caught.value.why == why


async def test_an_answer_is_dated_by_its_question() -> None:
    """An answer carries a time that is not later than the arrival of its request, however long the answer takes."""
    arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set_result(time.time())
        writer.write(whole(b"{}"))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as listening:
        before = time.time()
        answer = await get(listening.sockets[0].getsockname()[1])
    assert before <= answer.asked_at <= await arrived


async def test_an_answer_too_many_is_not_the_answer_to_the_next_request() -> None:
    """A connection on which anything arrived after an answer is closed. Otherwise each request on it would get the
    answer to an earlier one."""
    answered, sent = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                path = (await reader.readuntil(b"\r\n\r\n")).split()[1]
                for body in (b'"%b"' % path, b'"late"'):
                    writer.write(_JSON + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
                    await answered.wait()
                sent.set()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    client = HttpClient("test", f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", in_flight_max=1)
    answers = []
    for path in ("/1", "/2"):
        answers.append((await client.call("GET", path, _LIMITS, {})).document)
        answered.set()
        await sent.wait()
        for _ in range(10):  # so that the client's side receives what was sent
            await asyncio.sleep(0)
    await client.close()
    listening.close()
    assert answers == ["/1", "/2"]


async def test_a_body_that_ends_too_soon() -> None:
    """An answer whose connection closes before the announced length is refused as cut short."""
    async with server(_JSON + b"Content-Length: 100\r\n\r\n{}", close=True) as port:
        with pytest.raises(BadAnswer, match="cut_short"):
            await get(port)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 503 No\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_error_is_an_error_whatever_its_body(reply: bytes) -> None:
    """An error status is returned whatever its body is, and a redirect is not followed."""
    async with server(reply) as port:
        answer = await get(port)
    assert (answer.status, answer.document) == (int(reply[9:12]), None)


@pytest.mark.parametrize("reply", [None, b"HTTP/1.1 200 OK\r\n", _JSON + b"Content-Length: 9\r\n\r\n{"])
async def test_silence_ends_with_the_time(reply: bytes | None) -> None:
    """A call times out wherever in the answer the server stops sending."""
    async with server(reply) as port:
        with pytest.raises(TookTooLong):
            await get(port, _LIMITS._replace(total_s=0.2))


@pytest.mark.parametrize("close", [True, False], ids=["closed", "refused"])
async def test_nobody_there(close: bool) -> None:
    """A refused connection, and one that is accepted and closed without an answer, both raise NotReached."""
    async with server(b"", close=True) as port:
        with pytest.raises(NotReached):
            await get(port if close else free_port())


async def test_no_more_at_once_than_are_allowed() -> None:
    """A call above the limit is refused at once without disturbing the calls in flight, and a slot becomes free when
    they end."""
    async with server(None) as port:
        client = HttpClient("test", f"http://127.0.0.1:{port}", in_flight_max=2)
        held = [asyncio.create_task(client.call("GET", "/", _LIMITS._replace(total_s=0.3), {})) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TooManyAtOnce):
            await client.call("GET", "/", _LIMITS, {})
        for one in held:
            with pytest.raises(TookTooLong):
                await one
        with pytest.raises(TookTooLong):
            await client.call("GET", "/", _LIMITS._replace(total_s=0.05), {})
        await client.close()


async def test_a_good_answer_is_read() -> None:
    """A good answer is returned with its parsed JSON document and with its header names in lower case. Interim answers
    before it are skipped."""
    async with server(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2 + whole(b'{"a": [1, 2.5]}', b"X-Sent: yes")) as port:
        answer = await get(port)
    assert (answer.status, answer.document, answer.headers["x-sent"]) == (200, {"a": [1, 2.5]}, "yes")
    assert issubclass(TookTooLong, CallFailed)


@pytest.mark.parametrize("trusted", [True, False])
async def test_https_trusts_whom_the_machine_trusts(
    trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate is accepted if one of the machine's authorities has signed it, and refused otherwise."""
    ours, stranger = Authority(tmp_path, "ours"), Authority(tmp_path, "stranger")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*ours.issue("server"))
    monkeypatch.setenv("SSL_CERT_FILE", str((ours if trusted else stranger).certificate))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    async with server(whole(b'{"a": 1}'), tls=tls) as port:
        if trusted:
            assert (await get(port, scheme="https")).document == {"a": 1}
        else:
            with pytest.raises(NotReached, match="Certificate"):
                await get(port, scheme="https")
