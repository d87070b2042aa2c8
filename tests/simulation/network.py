"""Network: machines with addresses, and links between them that can be slow, silent, cut or closed.

A link leads from one machine to another; a fault on it concerns the connections that the first has made.
"""

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.process import Process
from tests.simulation.transport import Transport

if TYPE_CHECKING:
    from tests.simulation.loop import SimulatedLoop

#: Bounds of the latency of one piece on a healthy link, in seconds.
_LATENCY_S = (50e-6, 300e-6)


class Link:
    """The connection from one machine to another, for all traffic that the first one starts."""

    def __init__(self, network: "Network", source: str, target: str) -> None:
        self._network = network
        self.source, self.target = source, target
        self.client, self.server = (network.address(source), 50_000), (network.address(target), 80)
        self.latency_s = _LATENCY_S
        #: Whether connections are refused, as far as the source can see.
        self.refusing = False
        self._silent_out = self._silent_back = False
        self._mended: asyncio.Future[None] | None = None
        self.ends: list[Transport] = []
        #: Called in the source when an answer over this link has arrived; None for nothing.
        self.on_answer: Callable[[], None] | None = None

    def latency(self) -> float:
        """Draw the latency of one piece."""
        least, most = self.latency_s
        return least + (most - least) * self._network.chance.random()

    def hang(self, *, out: bool = True, back: bool = True) -> None:
        """Hold everything that is sent: towards the target, and back from it."""
        self._silent_out, self._silent_back = out, back

    def slow(self, least_s: float, most_s: float) -> None:
        """Set the latency of every piece."""
        self.latency_s = (least_s, most_s)

    def cut(self) -> None:
        """Reset every connection. New ones can be made."""
        for end in list(self.ends):
            end.reset()

    def mend(self) -> None:
        """Restore the link; what was held arrives."""
        held = [end for end in self.ends if self.holds(end)]
        self.latency_s, self.refusing = _LATENCY_S, False
        self._silent_out = self._silent_back = False
        for end in held:
            for _ in end.peer.inbound:
                end.arrive_after(self.latency())
        if self._mended is not None:
            self._mended.set_result(None)
            self._mended = None

    def holds(self, sender: Transport) -> bool:
        """Return whether what this end sends is held for now."""
        return self._silent_out if sender.outbound else self._silent_back

    def forget(self, end: Transport) -> None:
        """Remove a closed end."""
        if end in self.ends:
            self.ends.remove(end)

    async def pass_through(self) -> None:
        """Wait for one round trip to the target."""
        while self._silent_out or self._silent_back:
            self._mended = self._mended or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._mended)
        await asyncio.sleep(2 * self.latency())


@dataclass(eq=False, slots=True)
class Listener:
    """A port that a process listens on."""

    process: Process
    factory: Callable[[], Any]
    port: int
    open: bool = True


class Network:
    """All machines and links. `socket_of`: returns what libraries get when they ask a transport for its socket."""

    def __init__(self, loop: "SimulatedLoop", chance: Random, socket_of: Callable[[Transport], object]) -> None:
        self.loop = loop
        self.socket_of = socket_of
        self.chance = chance
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._listeners: dict[tuple[str, int], Listener] = {}
        self._links: dict[tuple[str, str], Link] = {}
        #: Names that cannot be resolved for now.
        self.unresolvable: set[str] = set()

    def address(self, name: str) -> str:
        """Return the address of a machine, which is assigned on first use."""
        if name not in self._addresses:
            number = len(self._addresses) + 1
            self._addresses[name] = address = f"10.0.{number // 250}.{number % 250}"
            self._names[address] = name
        return self._addresses[name]

    def name(self, host: str) -> str:
        """Return the machine with this name or address. The local address is the running process' machine."""
        if host in ("127.0.0.1", "localhost", "0.0.0.0", "::1"):  # noqa: S104 - nothing is bound
            return self.loop.process.machine
        return self._names.get(host, host)

    def link(self, source: str, target: str) -> Link:
        """Return the link from one machine to another."""
        found = self._links.get((source, target))
        if found is None:
            found = self._links[source, target] = Link(self, source, target)
        return found

    def listen(self, factory: Callable[[], Any], port: int) -> Listener:
        """Listen as the running process. Raises OSError if the port is taken."""
        process = self.loop.process
        known = self._listeners.get((process.machine, port))
        if known and known.open and known.process.alive:
            raise OSError(errno.EADDRINUSE, "address already in use")
        listener = self._listeners[process.machine, port] = Listener(process, factory, port)
        return listener

    async def connect(self, host: str, port: int) -> Transport:
        """Return the near end of a new connection, whose far end is on its way to the listener. Raises OSError."""
        process, target = self.loop.process, self.name(host)
        link = self.link(process.machine, target)
        await link.pass_through()
        listener = self._listeners.get((target, port))
        if link.refusing or listener is None or not listener.open or not listener.process.alive:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed {(host, port)}")
        near = Transport(self, process, link, outbound=True)
        far = Transport(self, listener.process, link, outbound=False)
        near.peer, far.peer = far, near
        for end in (near, far):
            link.ends.append(end)
            end.process.ends.append(end)
        near.last_s = self.loop.now_s + link.latency()
        self.loop.deliver(listener.process, near.last_s, lambda: far.begin(listener.factory()), context=far.context)
        return near
