"""Connections: a server's mistake becomes a response with status 0, never an exception or a hang."""

import asyncio

import pytest

from deploy.client.connections import Address, Connections, address_of
from tests.load.tiny import OK, serving
from tests.servers import free_port


async def _asked(data: bytes, *, close: bool = False, timeout_s: float = 5.0) -> tuple[int, str, bytes]:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        if close:
            writer.close()

    async with serving(answer) as address:
        connections = Connections(address, timeout_s=timeout_s)
        response = await connections.request("GET", "/")
        connections.close()
        return response.status, response.why, response.body


async def test_connections_are_kept() -> None:
    """Three successive requests use one connection."""
    peers = set()

    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        peers.add(writer.get_extra_info("peername"))
        writer.write(OK)

    async with serving(answer) as address:
        connections = Connections(address)
        for _ in range(3):
            assert (await connections.request("GET", "/")).status == 200
        connections.close()
    assert len(peers) == 1


def test_an_ipv6_address_has_brackets_in_the_host_header() -> None:
    """The `Host` header has an IPv6 address in brackets, as in the URL, which separates it from the port."""
    connections = Connections(address_of("http://[::1]:8080"))
    assert "\r\nHost: [::1]:8080\r\n" in connections._always


async def test_marks_of_a_degraded_answer_and_of_a_refusal_are_seen() -> None:
    """The headers of a degraded answer and of a refusal are recognized whatever the case of their names."""
    response = b"HTTP/1.1 503 Busy\r\nx-DEGRADED: stale\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(response)

    async with serving(answer) as address:
        connections = Connections(address)
        seen = await connections.request("GET", "/")
        connections.close()
    assert (seen.status, seen.degraded, seen.retry_after) == (503, True, True)


async def test_a_chunked_answer_is_put_together() -> None:
    """A chunked body, as some proxies send it, is joined."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    assert await _asked(chunked) == (200, "", b"{}")


@pytest.mark.parametrize(
    ("data", "close", "why"),
    [
        (b"", True, "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", True, "closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, "not_http"),
    ],
)
async def test_what_is_no_answer_is_reported_as_none(data: bytes, close: bool, why: str) -> None:
    """A response that is cut short or is not HTTP has status 0 and the reason."""
    status, reason, _ = await _asked(data, close=close)
    assert (status, reason) == (0, why)


async def test_silence_ends_after_the_timeout() -> None:
    """A request without an answer ends after the timeout, with status 0."""
    assert await _asked(b"", timeout_s=0.1) == (0, "timeout", b"")


async def test_a_refused_connection_is_no_response() -> None:
    """A refused connection gives status 0, and the reason names the connection."""
    response = await Connections(Address("127.0.0.1", free_port())).request("POST", "/users", body=b"{}")
    assert (response.status, response.why) == (0, "connect_ConnectionRefusedError")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://localhost", "http://", "http://localhost:8080/users"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """A URL that is not http://HOST:PORT is refused, not requested."""
    with pytest.raises(ValueError, match="is not http://HOST:PORT"):
        address_of(url)


def test_addresses() -> None:
    """An address is parsed with and without a port, with and without TLS."""
    assert address_of("http://localhost:8080/") == Address("localhost", 8080)
    assert address_of("https://example.com") == Address("example.com", 443, True)
