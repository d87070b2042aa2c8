"""The fault proxy itself, on which other tests rely."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import httpx
import pytest
import redis

from deploy.faults.faults import Faults, InvalidFaults, LoseReply, WayFaults
from deploy.faults.proxy import Proxy
from deploy.faults.pump import slices
from tests.conftest import ROOT
from tests.servers import RedisServer, wait_until
from tests.threaded_proxy import FaultProxy

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PATIENCE_S = 60.0


async def soon(work: Awaitable[bytes]) -> bytes:
    """Return the result of the work, within a time that no fault of these tests exceeds."""
    return await asyncio.wait_for(work, PATIENCE_S)


async def is_silent(reader: asyncio.StreamReader, for_s: float = 0.15) -> bool:
    """Return whether no byte comes for a moment."""
    try:
        await asyncio.wait_for(reader.read(1), for_s)
    except TimeoutError:
        return True
    return False


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy in front of a server that echoes all bytes."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy
    server.close()


@pytest.fixture
async def ends(proxy: Proxy) -> AsyncIterator[Ends]:
    """An open connection through the proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello")
    assert await soon(reader.readexactly(5)) == b"hello"
    yield reader, writer
    writer.transport.abort()


async def test_who_arrives_as_it_begins_to_refuse_is_cut_off(proxy: Proxy) -> None:
    """When the proxy begins to refuse, it also cuts off a connection that was accepted in the same turn of the loop."""
    clients = [socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S) for _ in range(5)]
    for _ in range(2):
        await asyncio.sleep(0)  # one turn each: the proxy accepts the connections, and begins to serve them
    await proxy.set(Faults(refuse=True, reset=True))
    await asyncio.sleep(0)
    for client in clients:
        with client, pytest.raises(ConnectionResetError):
            await asyncio.to_thread(client.recv, 1)
    assert proxy.connections == 0


async def test_a_process_without_free_descriptors_accepts_later(proxy: Proxy) -> None:
    """While the process has no free descriptors, a client waits without a busy loop or a log line, and is served when
    there are some again."""
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    client = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)
    with client:
        client.sendall(b"hello")
        lowest_free = os.dup(client.fileno())
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            assert (proxy.accepted, proxy.full) == (0, 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert await soon(asyncio.to_thread(client.recv, 5)) == b"hello"
    assert not errors


async def test_without_a_fault_it_only_copies(proxy: Proxy, ends: Ends) -> None:
    """Without a fault megabytes come back unchanged, and so does the end of the stream, in one direction at a time."""
    reader, writer = ends
    sent = bytes(range(256)) * 16_384
    writer.write(sent)
    writer.write_eof()
    assert await soon(reader.read(-1)) == sent
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(PATIENCE_S):
        while proxy.connections:
            await asyncio.sleep(0)


async def test_latency_holds_each_byte_and_a_heal_lets_go_at_once(proxy: Proxy, ends: Ends) -> None:
    """A latency of 100 ms delays a byte by that in each direction; with a latency of a minute, a heal delivers the
    delayed bytes in order."""
    reader, writer = ends
    await proxy.set(Faults.both(latency_ms=100, jitter_ms=20))
    began = time.monotonic()
    writer.write(b"x")
    await soon(reader.readexactly(1))
    assert time.monotonic() - began >= 0.16
    await proxy.set(Faults.both(latency_ms=60_000, jitter_ms=30_000))
    for number in range(10):
        writer.write(bytes([number]))
        await asyncio.sleep(0.005)  # chunks of their own
    assert await is_silent(reader)
    await proxy.set(Faults())
    assert await soon(reader.readexactly(10)) == bytes(range(10))


@pytest.mark.parametrize("faults", [Faults.both(blackhole=True), Faults(up=WayFaults(blackhole=True)),
                                    Faults(down=WayFaults(blackhole=True))])  # fmt: skip
async def test_a_blackhole_holds_a_living_connection_and_new_ones(proxy: Proxy, ends: Ends, faults: Faults) -> None:
    """A blackhole in either direction or both refuses no connection and delivers no byte; after a heal it delivers all
    bytes."""
    await proxy.set(faults)
    new_reader, new_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    for writer in (ends[1], new_writer):
        writer.write(b"anybody?")
    assert await is_silent(ends[0])
    assert await is_silent(new_reader)
    await proxy.set(Faults())
    for reader in (ends[0], new_reader):
        assert await soon(reader.readexactly(8)) == b"anybody?"
    new_writer.close()


async def test_a_reset_ends_living_and_new_connections(proxy: Proxy, ends: Ends) -> None:
    """A reset sends RST and no FIN, also in the middle of a blackhole; after a heal connections work."""
    await proxy.set(Faults.both(blackhole=True))
    ends[1].write(b"held")
    await proxy.set(Faults(reset=True))
    with pytest.raises(ConnectionResetError):
        await soon(ends[0].read(1))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await soon(reader.read(1))
    writer.close()
    await proxy.set(Faults())
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"x")
    assert await soon(reader.readexactly(1)) == b"x"
    writer.close()


async def test_refusing_spares_the_living(proxy: Proxy, ends: Ends) -> None:
    """New connections are refused while open ones continue, on a port that the proxy keeps."""
    for _ in range(2):
        await proxy.set(Faults(refuse=True))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", proxy.port)
        ends[1].write(b"still here")
        assert await soon(ends[0].readexactly(10)) == b"still here"
        await proxy.set(Faults())
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.close()


async def test_bandwidth_and_a_slow_drip(proxy: Proxy, ends: Ends) -> None:
    """With bandwidth limits, 4000 bytes at 10,000 per second take 0.4 s, and at ten per second one byte comes at a
    time."""
    reader, writer = ends
    await proxy.set(Faults(down=WayFaults(bytes_per_s=10_000)))
    began = time.monotonic()
    writer.write(bytes(4000))
    await soon(reader.readexactly(4000))
    assert time.monotonic() - began > 0.3
    await proxy.set(Faults(down=WayFaults(bytes_per_s=10)))
    writer.write(b"drip")
    assert await soon(reader.read(100)) == b"d"
    assert await soon(reader.read(100)) == b"r"
    assert b"".join(piece for piece, _ in slices(bytes(1001), 1000)) == bytes(1001)
    assert sum(pause_s for _, pause_s in slices(bytes(1001), 1000)) == pytest.approx(1.001)


async def test_a_reply_cut_in_the_middle(proxy: Proxy, ends: Ends) -> None:
    """After a given number of bytes, counted from when the fault was set, the connection is reset."""
    await proxy.set(Faults(down=WayFaults(cut_after_bytes=5)))
    ends[1].write(b"0123456789")
    assert await soon(ends[0].readexactly(5)) == b"01234"
    with pytest.raises(ConnectionResetError):
        await soon(ends[0].read(1))


async def test_a_target_that_is_away_looks_like_a_reset() -> None:
    """If the target is away, the client sees a reset, because it is connected before the proxy knows."""
    async with Proxy("127.0.0.1", 1) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await soon(reader.read(1))
        writer.close()


# --- with a real server -------------------------------------------------------------------------------------------


@pytest.fixture
def before_redis(clean_redis: RedisServer) -> Iterator[FaultProxy]:
    """A proxy in front of a Redis."""
    with FaultProxy("127.0.0.1", clean_redis.port) as proxy:
        yield proxy


def client_of(port: int, timeout_s: float = PATIENCE_S) -> redis.Redis:
    """Return a client that does not retry."""
    return redis.Redis(port=port, socket_timeout=timeout_s, retry=None)


@pytest.mark.parametrize(("then", "error"), [("reset", redis.ConnectionError), ("hang", redis.TimeoutError)])
def test_a_lost_reply_is_one_whose_command_was_carried_out(
    before_redis: FaultProxy, clean_redis: RedisServer, then: str, error: type[Exception]
) -> None:
    """With the second reply to INCR lost, that command is done but not answered; the first and the third are
    answered."""
    before_redis.set(Faults.from_json({"lose_reply": {"to": "INCR", "nth": 2, "then": then}}))
    port = before_redis.port
    with client_of(port) as one, client_of(port, 1) as lost, client_of(port) as other, clean_redis.client() as direct:
        assert one.incr("n") == 1
        assert one.get("n") == b"1"
        with pytest.raises(error):
            lost.incr("n")
        assert direct.get("n") == b"2"
        assert before_redis.lost_replies == 1
        assert other.incr("n") == 3


def test_a_command_is_found_where_two_packets_meet(before_redis: FaultProxy, clean_redis: RedisServer) -> None:
    """A command is recognized even if its text comes in two packets."""
    before_redis.set(Faults(lose_reply=LoseReply("INCR")))
    with (
        socket.create_connection(("127.0.0.1", before_redis.port), timeout=PATIENCE_S) as one,
        clean_redis.client() as direct,
    ):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(b"PING\r\nIN")
        assert one.recv(10) == b"+PONG\r\n"  # so the first piece has passed
        one.sendall(b"CR n\r\n")
        with pytest.raises(ConnectionResetError):
            one.recv(10)
        assert direct.get("n") == b"1"


def test_the_death_of_the_server_is_passed_on(own_redis: RedisServer) -> None:
    """Clients of the proxy see a kill -9 of the server behind it, and the server's return."""
    with FaultProxy("127.0.0.1", own_redis.port) as proxy, client_of(proxy.port) as client:
        assert client.ping()
        own_redis.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        own_redis.start()
        assert client.ping()


# --- its control --------------------------------------------------------------------------------------------------


def test_as_a_process_it_is_controlled_over_http(clean_redis: RedisServer) -> None:
    """The process is controlled by GET and PUT /faults, refuses invalid faults with a reason and without a change, and
    ends on SIGTERM."""
    command = [sys.executable, "-m", "deploy.faults", "--to", clean_redis.address]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        port, url = int(line.split(" ->")[0].rpartition(":")[2]), "http://" + line.rpartition("faults: ")[2].strip()
        with client_of(port) as client, client_of(port, 1) as silent, httpx.Client(timeout=PATIENCE_S) as http:
            assert client.ping()
            answer = http.put(url, json={"up": {"blackhole": True}})
            assert answer.status_code == 200
            with pytest.raises(redis.TimeoutError):
                silent.ping()
            for body in (b"nonsense", b"[]", b'{"refuse": 1}', b'{"up": {"latency_ms": -1}}', b'{"speed": 1}',
                         b'{"lose_reply": {}}', b'{"clients": "all"}', b'{"clients": [""]}',
                         b'{"refuse": true, "clients": ["a"]}', b'{"down": {"bytes_per_s": 1.5}}',
                         b"[" * 50_000):  # fmt: skip
                assert http.put(url, content=body).status_code == 400, body[:50]
            assert "there is no speed" in http.put(url, json={"speed": 1}).json()["error"]
            assert http.get(url).json()["faults"]["up"]["blackhole"] is True
            assert http.put(url, content=b" " * 70_000).status_code == 413
            assert http.delete(url).status_code == 405
            assert http.get(url.replace("/faults", "/")).status_code == 404
            tell = [sys.executable, "-m", "deploy.faults.control_client", url.split(":")[2].partition("/")[0]]
            printed = subprocess.run(tell, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
            assert json.loads(printed.stdout)["faults"]["up"]["blackhole"] is True
            assert subprocess.run([*tell, "[]"], cwd=ROOT, capture_output=True).returncode == 1
            healed = http.put(url, json={}).json()
            assert healed["faults"] == json.loads(json.dumps(Faults().to_json()))
            wait_until(client.ping, what="healed")
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


async def test_faults_for_one_client_are_not_for_another(proxy: Proxy, ends: Ends) -> None:
    """Faults and resets can be limited to clients, by the process at the other end, also on open connections."""
    await proxy.set(
        Faults.from_json({"up": {"blackhole": True}, "reset": True, "clients": ["holdfast.services.writer "]})
    )
    ends[1].write(b"x")
    assert await soon(ends[0].readexactly(1)) == b"x"
    [(ours, count)] = proxy.clients.items()
    this_process = Path("/proc/self/cmdline").read_text().replace("\0", " ").strip()
    assert (ours.strip(), count) == (this_process, 1)
    await proxy.set(Faults.from_json({"up": {"blackhole": True}, "clients": ["somebody else", ours]}))
    ends[1].write(b"y")
    assert await is_silent(ends[0])
    await proxy.set(Faults(reset=True, clients=(ours,)))
    with pytest.raises(ConnectionResetError):
        await soon(ends[0].read(1))


def test_an_address_is_a_client_as_a_whole() -> None:
    """An address names a client only as a whole (10.0.0.1 is not 10.0.0.11), while a part of a command line is
    enough."""
    faults = Faults(clients=("10.0.0.1", "holdfast.services.api "))
    assert faults.meet("10.0.0.1")
    assert faults.meet("/venv/python -m holdfast.services.api ")
    assert not faults.meet("10.0.0.11")
    assert not faults.meet("/venv/python -m holdfast.services.writer ")


def test_faults_survive_the_way_through_json() -> None:
    """Faults that were converted to JSON and back are the same."""
    way = WayFaults(10, 5, 1000, True, 7)
    refused = Faults(way, refuse=True)
    assert Faults.from_json(json.loads(json.dumps(refused.to_json()))) == refused
    faults = Faults(way, WayFaults(), False, True, LoseReply("COMMIT", 3, 2, "hang"), ("a",))
    assert Faults.from_json(json.loads(json.dumps(faults.to_json()))) == faults
    with pytest.raises(InvalidFaults, match=r"lose_reply\.nth"):
        LoseReply("X", 0)
