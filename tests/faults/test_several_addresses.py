"""A name with several addresses, of which only the last answers, and the others drop packets: connections of every kind
are made within one connect timeout."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from holdfast.shared.connections.happy_eyeballs import connected_in_thread
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.http.client import HttpClient, Limits
from holdfast.shared.store.engine import Timeouts, make_engine, round_trip
from tests.faults.rig import within
from tests.faults.test_names import by_name
from tests.servers import Database, RedisServer

_NAME = "several.test"
#: Far above what a connection to the last address takes, and below what attempts in turn would take.
_CONNECT_S = 5.0
_DROP = [f"127.0.0.{number}" for number in range(2, 16)]


def _silent(stack: ExitStack, address: str, port: int) -> None:
    """Drop the packets to this address: its queue of connections is full, and nothing accepts them."""
    listening = stack.enter_context(socket.socket())
    listening.bind((address, port))
    listening.listen(0)
    stack.enter_context(socket.create_connection((address, port)))


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], str]]:
    """A function that gives the name its addresses for one port of 127.0.0.1, and returns the name."""
    ask = socket.getaddrinfo

    def answer(host: Any, *rest: Any, **more: Any) -> Any:
        hosts = [*_DROP, "127.0.0.1"] if host in (_NAME, _NAME.encode()) else [host]
        return [found for each in hosts for found in ask(each, *rest, **more)]

    with ExitStack() as stack:

        def named(port: int) -> str:
            for address in _DROP:
                _silent(stack, address, port)
            monkeypatch.setattr(socket, "getaddrinfo", answer)
            return _NAME

        yield named


async def test_redis(name: Callable[[int], str], own_redis: RedisServer) -> None:
    """Redis answers."""
    redis = connect(f"{name(own_redis.port)}:{own_redis.port}", RedisTimeouts(_CONNECT_S, 60))
    assert await redis.ping()
    await redis.aclose()


def test_the_database(name: Callable[[int], str], own_database: Database) -> None:
    """The database answers, and not after one connect timeout for each address."""
    engine = make_engine(by_name(own_database.dsn, name(own_database.port)), Timeouts(30, _CONNECT_S, 60, 20), 1)
    with within(3 * _CONNECT_S):
        round_trip(engine)
    engine.dispose()


def test_an_address_of_a_family_that_the_kernel_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next address is tried, as where IPv6 is off and `localhost` is `::1` first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        unknown, known = (99, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))
        found = [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address) for family, address in (unknown, known)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with connected_in_thread(_NAME, port, _CONNECT_S) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)


async def test_the_third_party(name: Callable[[int], str]) -> None:
    """A third party answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = HttpClient("test", f"http://{name(port)}:{port}", in_flight_max=1)
        assert (await client.call("GET", "/", Limits(60, _CONNECT_S / 2, 100), {})).status == 200
        await client.close()
