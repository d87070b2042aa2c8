"""Endpoints: asyncio's functions that make connections and servers, implemented on the simulated network."""

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
    """Stands in for a bound socket."""

    family = socket.AF_INET

    def __init__(self, host: str, port: int) -> None:
        self._name = (host, port)

    def getsockname(self) -> tuple[str, int]:
        """Return the address."""
        return self._name

    def close(self) -> None:
        """Do nothing: the server that uses the socket closes itself."""


#: File numbers that stand for an open connection and for a closed one, as far as the kernel knows.
OPEN, CLOSED = -1, -2


class ConnectedSocket:
    """Stands in for a connected socket until a transport takes it."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def fileno(self) -> int:
        """Return the file number of an open connection."""
        return OPEN

    def getpeername(self) -> tuple[str, int]:
        """Return the address of the other end."""
        return self.transport.peer.name

    def getsockname(self) -> tuple[str, int]:
        """Return the address of this end."""
        return self.transport.name

    def setsockopt(self, *_: object) -> None:
        """Ignore the option."""

    def close(self) -> None:
        """Close the connection."""
        self.transport.abort()


class SimulatedServer:
    """The server that `create_server` returns."""

    def __init__(self, listener: Listener, bound: ListeningSocket) -> None:
        self._listener = listener
        self.sockets = [bound]

    def close(self) -> None:
        """Stop accepting connections."""
        self._listener.open = False

    def is_serving(self) -> bool:
        """Return whether the server accepts connections."""
        return self._listener.open

    async def wait_closed(self) -> None:
        """Return at once: the server is closed without a delay."""


class NetworkedLoop(SimulatedLoop):
    """A simulated loop with a network."""

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
        """Connect, as any loop does, but without TLS."""
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
        """Listen, as any loop does."""
        bound = sock or ListeningSocket(host, port or 0)
        return SimulatedServer(self.network.listen(protocol_factory, bound.getsockname()[1]), bound)

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        """Return the one address of a machine. Raises socket.gaierror."""
        name = self.network.name(host if isinstance(host, str) else host.decode())
        if name in self.network.unresolvable:
            await asyncio.sleep(0)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.network.address(name), int(port or 0)))]

    def substitutes(self) -> Iterator[tuple[Any, str, Any]]:
        """Yield replacements for the functions outside the loop that make sockets."""

        async def start_connection(addr_infos: Any, **_: Any) -> ConnectedSocket:
            host, port = addr_infos[0][4][:2]
            return ConnectedSocket(await self.network.connect(host, port))

        for module in (of_redis, of_databases):
            yield module, "is_closed", lambda fileno: fileno == CLOSED
        yield aiohappyeyeballs, "start_connection", start_connection
        yield socket, "create_server", lambda address, **_: ListeningSocket(*address)
