"""Endpoints: asyncio's calls that make connections and servers, answered by the simulated network."""

# mypy: disable-error-code="override"
# The parameters of asyncio's methods that are overridden here are spelt differently in every version of its stubs.

import asyncio
import socket
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import aiohappyeyeballs

from holdfast.shared.connections import connection as of_redis
from holdfast.shared.store import connections as of_databases
from tests.simulation.loop import SimulatedLoop
from tests.simulation.network import Listener, Network
from tests.simulation.transport import Transport


class ListeningSocket:
    """What stands for a bound socket."""

    family = socket.AF_INET

    def __init__(self, host: str, port: int) -> None:
        self._name = (host, port)

    def getsockname(self) -> tuple[str, int]:
        """Its address."""
        return self._name

    def close(self) -> None:
        """The server that uses it closes itself."""


#: What stands for the files of connections: of one that is open, as far as the kernel knows, and of one that is not.
OPEN, CLOSED = -1, -2


class ConnectedSocket:
    """What stands for a connected socket until a transport has it."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def fileno(self) -> int:
        """Nothing is known of it."""
        return OPEN

    def getpeername(self) -> tuple[str, int]:
        """Where it leads to."""
        return self.transport.peer.name

    def getsockname(self) -> tuple[str, int]:
        """Its own address."""
        return self.transport.name

    def setsockopt(self, *_: object) -> None:
        """Options change nothing."""

    def close(self) -> None:
        """Give the connection up."""
        self.transport.abort()


class SimulatedServer:
    """What `create_server` gives."""

    def __init__(self, listener: Listener, bound: ListeningSocket) -> None:
        self._listener = listener
        self.sockets = [bound]

    def close(self) -> None:
        """Accept nothing more."""
        self._listener.open = False

    def is_serving(self) -> bool:
        """Whether it accepts."""
        return self._listener.open

    async def wait_closed(self) -> None:
        """It is closed at once."""


class NetworkedLoop(SimulatedLoop):
    """A loop with a network."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.network = Network(self, Random(chance.getrandbits(64)), ConnectedSocket)

    async def create_connection(
        self,
        protocol_factory: Callable[[], Any],
        host: str | None = None,
        port: int | None = None,
        *,
        sock: Any = None,
        ssl: Any = None,
        **_: Any,
    ) -> Any:
        """As in any loop, without encryption."""
        if ssl:
            raise NotImplementedError("connections are not encrypted here")
        if sock is not None:
            transport = sock.transport
        else:
            [(*_, (address, _port))] = await self.getaddrinfo(host or "", port)
            transport = await self.network.connect(address, port or 0)
        protocol = protocol_factory()
        transport.begin(protocol)
        return transport, protocol

    async def create_server(
        self,
        protocol_factory: Callable[[], Any],
        host: Any = None,
        port: int | None = None,
        *,
        sock: Any = None,
        **_: Any,
    ) -> Any:
        """As in any loop."""
        bound = sock or ListeningSocket(host, port or 0)
        return SimulatedServer(self.network.listen(protocol_factory, bound.getsockname()[1]), bound)

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        """The one address of a machine. Raises socket.gaierror."""
        name = self.network.name(host if isinstance(host, str) else host.decode())
        if name in self.network.unresolvable:
            await asyncio.sleep(0)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.network.address(name), int(port or 0)))]

    def substitutes(self) -> Iterator[tuple[Any, str, Any]]:
        """What makes sockets outside of the loop."""

        async def start_connection(addr_infos: Any, **_: Any) -> ConnectedSocket:
            host, port = addr_infos[0][4][:2]
            return ConnectedSocket(await self.network.connect(host, port))

        for module in (of_redis, of_databases):
            yield module, "is_closed", lambda fileno: fileno == CLOSED
        yield aiohappyeyeballs, "start_connection", start_connection
        yield socket, "create_server", lambda address, **_: ListeningSocket(*address)
