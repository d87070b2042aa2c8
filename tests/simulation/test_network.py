"""The simulated network: bytes arrive whole and in order, unless a fault says otherwise."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

import pytest

from tests.simulation.network import Link
from tests.simulation.process import Process
from tests.simulation.simulation import Simulation

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, Any]]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


class _Stage:
    """An echo server on `b`, and a client on `a`."""

    def __init__(self, seed: int) -> None:
        self.simulation = Simulation(seed)
        self.server: Process = self.simulation.process("b")
        self.link: Link

    def run(self, talk: Talk) -> Any:
        """Run `talk` on `a`, connected to the echo server, and return its result."""

        async def serve() -> None:
            await asyncio.start_server(_echo, "0.0.0.0", 7)  # noqa: S104 - nothing is bound
            await asyncio.get_running_loop().create_future()

        async def client(result: "asyncio.Future[Any]") -> None:
            reader, writer = await asyncio.open_connection("b", 7)
            result.set_result(await talk(reader, writer))
            writer.close()

        async def scenario() -> Any:
            self.link = self.simulation.network.link("a", "b")
            result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.simulation.loop.spawn(self.server, serve)
            await asyncio.sleep(1)
            await self.simulation.loop.spawn(self.simulation.process("a"), lambda: client(result))
            return result.result()

        return self.simulation.run(scenario)


@pytest.mark.parametrize("seed", range(5))
def test_bytes_arrive_in_order(seed: int) -> None:
    """A megabyte in pieces of any size comes back as it was sent, although the sender has to wait for buffers."""
    stage, chance = _Stage(seed), Random(seed)
    pieces = [chance.randbytes(chance.choice((1, 100, 10_000, 200_000))) for _ in range(20)]

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        async def send() -> None:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            writer.write_eof()

        sending = asyncio.create_task(send())
        received = await reader.read(-1)
        await sending
        return received

    assert stage.run(talk) == b"".join(pieces)


def test_a_silent_link_holds_bytes() -> None:
    """Nothing passes while a link is silent, in either direction, and nothing is lost when it is mended."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for out, back in ((True, True), (True, False), (False, True)):
            stage.link.hang(out=out, back=back)
            writer.write(b"ping")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), 60)
            stage.link.mend()
            assert await reader.readexactly(4) == b"ping"
        return b"done"

    stage = _Stage(1)
    assert stage.run(talk) == b"done"


def test_a_cut_may_fall_at_any_byte() -> None:
    """A reset ends a connection after none, a part or all of the bytes that were on their way."""
    lengths = set()
    for seed in range(30):
        stage = _Stage(seed)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stage: _Stage = stage) -> int:
            stage.link.slow(1, 1)
            writer.write(bytes(100))
            await asyncio.sleep(1.5)
            stage.link.cut()
            received = bytearray()
            with contextlib.suppress(ConnectionResetError):
                while data := await reader.read(1000):
                    received += data
                pytest.fail("the connection ended without a reset")
            return len(received)

        lengths.add(stage.run(talk))
    assert min(lengths) < 30
    assert max(lengths) > 70
    assert len(lengths) > 10


def test_a_dead_process_closes_its_connections() -> None:
    """When a process dies, its peer sees an end or a reset, and connecting is refused until a process listens again."""
    for seed in range(6):
        stage = _Stage(seed)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stage: _Stage = stage) -> None:
            stage.simulation.loop.kill(stage.server)
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(1), 1) == b""
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("b", 7)

        stage.run(talk)


def test_a_link_refuses_or_knows_no_name() -> None:
    """A refusing link and a name that cannot be resolved are errors of the operating system."""

    async def talk(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        stage.link.refusing = True
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("b", 7)
        stage.link.mend()
        stage.simulation.network.unresolvable.add("b")
        with pytest.raises(OSError, match="name resolution"):
            await asyncio.open_connection("b", 7)

    stage = _Stage(1)
    stage.run(talk)


def test_a_cut_before_the_connection_is_made_at_the_other_side() -> None:
    """If a link is cut before the server side has its connection, bytes and reset arrive after the connection, as from
    a kernel: the handler meets the reset, and nothing else fails."""
    for seed in range(6):
        stage = _Stage(seed)

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stage: _Stage = stage) -> None:
            writer.write(bytes(100))
            stage.link.cut()
            with contextlib.suppress(ConnectionResetError):
                await reader.read(1000)
            await asyncio.sleep(1)

        stage.run(talk)
        assert all("ConnectionResetError" in each for each in stage.simulation.faults), stage.simulation.faults
