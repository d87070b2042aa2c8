"""Transport: one end of a simulated TCP connection. What is written arrives later, in order, and perhaps in pieces."""

import asyncio
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.network import Link, Network

#: Bytes that the kernels of both sides buffer before a writer has to wait.
_KERNEL_BYTES = 200_000
_HIGH_BYTES, _LOW_BYTES = 65_536, 16_384
#: Share of writes that arrive in two pieces.
_SPLIT = 0.02


class Mark(Enum):
    """What can arrive besides bytes."""

    END = auto()
    RESET = auto()


class Transport(asyncio.Transport):
    """One end of a connection, in its process. `outbound`: whether this end connected."""

    def __init__(self, network: "Network", process: Process, link: "Link", *, outbound: bool) -> None:
        super().__init__()
        self.network = network
        self.process = process
        self.link = link
        self.outbound = outbound
        self.peer: Transport
        self._protocol: Any = None
        #: Number of pieces that arrived before the connection was made here.
        self._early = 0
        self.context = process.base.copy()
        #: What was sent to this end and has not arrived; what arrived while reading was paused.
        self.inbound: deque[bytes | Mark] = deque()
        self._unread: deque[bytes | Mark] = deque()
        #: When the last piece sent from here arrives.
        self.last_s = 0.0
        #: Bytes sent from here that the peer has not read.
        self._outstanding = 0
        self._waiting = False
        self._closing = False
        self._ended = False
        self._paused = False
        self.lost = False

    # --- asyncio's transport ---

    def set_protocol(self, protocol: Any) -> None:
        """Set the protocol that receives what arrives."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol that receives what arrives."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return addresses, and at the connecting end a stand-in for the socket."""
        if name == "socket" and self.outbound:
            return self.network.socket_of(self)
        if name == "peername":
            return self.peer.name
        return self.name if name == "sockname" else default

    @property
    def name(self) -> tuple[str, int]:
        """The address and port of this end."""
        return self.link.client if self.outbound else self.link.server

    def write(self, data: Any) -> None:
        """Send some bytes."""
        if self._closing or self._ended or not data:
            return
        data = bytes(data)
        self._outstanding += len(data)
        chance = self.network.chance
        if len(data) > 1 and chance.random() < _SPLIT:
            at = chance.randrange(1, len(data))
            self._send(data[:at])
            self._send(data[at:])
        else:
            self._send(data)
        if self._outstanding > _KERNEL_BYTES and not self._waiting and self.get_write_buffer_size() > _HIGH_BYTES:
            self._waiting = True
            self._protocol.pause_writing()

    def writelines(self, list_of_data: Any) -> None:
        """Send some pieces at once."""
        self.write(b"".join(list_of_data))

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the kernel did not take."""
        return max(0, self._outstanding - _KERNEL_BYTES)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignore the limits, which are fixed."""

    def can_write_eof(self) -> bool:
        """Return True."""
        return True

    def write_eof(self) -> None:
        """Close this half."""
        if not self._ended and not self._closing:
            self._ended = True
            self._send(Mark.END)

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self._closing

    def close(self) -> None:
        """Close once everything written has been sent."""
        if not self._closing:
            self._closing = True
            if not self._ended:
                self._send(Mark.END)
            self._call(self._lose, None)

    def abort(self) -> None:
        """Close at once, and drop what was not sent."""
        if not self.lost:
            self._closing = True
            self._send(Mark.RESET)
            self._call(self._lose, None)

    def is_reading(self) -> bool:
        """Return whether what arrives is passed to the protocol."""
        return not self._paused

    def pause_reading(self) -> None:
        """Leave what arrives in the kernel."""
        self._paused = True

    def resume_reading(self) -> None:
        """Pass what arrives to the protocol again."""
        if self._paused:
            self._paused = False
            self._call(self._read)

    # --- the wire ---

    def begin(self, protocol: Any) -> None:
        """Attach the protocol: the connection is made, as this end sees it."""
        self._protocol = protocol
        protocol.connection_made(self)
        for _ in range(self._early):
            self._call(self._arrive)

    def die(self) -> None:
        """Close, because the process died. The kernel sends a reset if something was unread."""
        if not self.lost:
            self.lost = self._closing = True
            self._send(Mark.RESET if self.network.chance.random() < 0.5 else Mark.END)
            self._forget()

    def reset(self) -> None:
        """Cut the connection. Some of what is in flight still arrives here, up to any byte."""
        if self.lost:
            return
        flying = b"".join(item for item in self.inbound if isinstance(item, bytes))
        self.inbound.clear()
        kept = flying[: self.network.chance.randint(0, len(flying))]
        for item in (kept, Mark.RESET):
            if item:
                self.inbound.append(item)
                self._call(self._arrive)

    def arrive_after(self, seconds: float) -> None:
        """Schedule the arrival of the next piece at the peer."""
        self.last_s = max(self.last_s, self.network.loop.now_s + seconds)
        self.network.loop.deliver(self.peer.process, self.last_s, self.peer._arrive, self.peer.context)

    def _send(self, item: bytes | Mark) -> None:
        self.peer.inbound.append(item)
        if self.link.holds(self):
            return
        self.arrive_after(self.link.latency())
        if not self.peer.process.alive and isinstance(item, bytes):  # the kernel of a dead process answers
            self.inbound.append(Mark.RESET)
            self.peer.arrive_after(self.link.latency())

    def _call(self, callback: Any, *args: Any) -> None:
        self.network.loop.call_soon(callback, *args, context=self.context)

    def _arrive(self) -> None:
        if not self.inbound:
            return  # it was lost on the way
        if self._protocol is None:
            self._early += 1
            return
        item = self.inbound.popleft()
        if self.lost:
            if isinstance(item, bytes) and not self.peer.lost:
                self._send(Mark.RESET)
        elif item is Mark.RESET:
            self._closing = True
            self._lose(ConnectionResetError(104, "Connection reset by peer"))
        elif self._paused or self._unread:
            self._unread.append(item)
        else:
            self._take(item)

    def _read(self) -> None:
        while self._unread and not self._paused and not self.lost:
            self._take(self._unread.popleft())

    def _take(self, item: bytes | Mark) -> None:
        if isinstance(item, bytes):
            self.peer._read_by_peer(len(item))
            if not self._closing:
                self._protocol.data_received(item)
                if self.outbound and self.link.on_answer:
                    self.link.on_answer()
        elif not self._closing and not self._protocol.eof_received():
            self.close()

    def _read_by_peer(self, size: int) -> None:
        self._outstanding -= size
        if self._waiting and self.get_write_buffer_size() <= _LOW_BYTES:
            self._waiting = False
            self._call(self._protocol.resume_writing)

    def _lose(self, error: Exception | None) -> None:
        if not self.lost:
            self.lost = True
            self._forget()
            self._protocol.connection_lost(error)

    def _forget(self) -> None:
        self.link.forget(self)
        self.process.ends.remove(self)
