"""Switch: holds the faults in force, for all clients or for one, and lets waits end when the faults change. For one
event loop."""

import asyncio
import contextlib
import os
from functools import cached_property
from pathlib import Path

from deploy.faults.faults import Faults, LoseReply

_NO_FAULTS = Faults()


class Switch:
    """The state that all connections of one proxy share."""

    def __init__(self) -> None:
        self.faults = Faults()
        #: Number of changes, by which counts are reset at each change.
        self.generation = 0
        #: Replies lost since the last change.
        self.lost_replies = 0
        self._changed = asyncio.Event()
        self._matches = 0

    def set(self, faults: Faults) -> None:
        """Put these faults in force from now on."""
        self.faults = faults
        self.generation += 1
        self._matches = self.lost_replies = 0
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, within_s: float | None = None) -> None:
        """Wait for the next change, for at most so many seconds."""
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await changed.wait()

    def loses(self, command: LoseReply) -> bool:
        """Return whether the reply to this matching command is to be lost."""
        self._matches += 1
        return command.nth <= self._matches < command.nth + command.times


class OneClient:
    """The switch as the connections of one client see it."""

    def __init__(self, switch: Switch, peer: tuple[str, int] | None) -> None:
        self._switch = switch
        self._peer = peer

    @cached_property
    def name(self) -> str:
        """The client's name. It is looked up on demand, because that takes milliseconds."""
        return client_of(self._peer)

    @property
    def faults(self) -> Faults:
        """The faults in force that affect this client."""
        faults = self._switch.faults
        return faults if faults.clients is None or faults.meet(self.name) else _NO_FAULTS

    @property
    def generation(self) -> int:
        """The number of changes."""
        return self._switch.generation

    async def change(self, within_s: float | None = None) -> None:
        """Wait for the next change, for at most so many seconds."""
        await self._switch.change(within_s)

    def loses(self, command: LoseReply) -> bool:
        """Return whether the reply to this matching command is to be lost."""
        return self._switch.loses(command)

    def lost(self) -> None:
        """Count a lost reply."""
        self._switch.lost_replies += 1


#: An address in /proc/net/tcp, little endian.
_LOOPBACK = "0100007F"


def client_of(peer: tuple[str, int] | None) -> str:
    """Return the command line of the process on this machine that owns the socket, or else the IP address."""
    if peer is None:
        return "gone"
    host, port = peer[0], peer[1]
    if host != "127.0.0.1":
        return host
    inode = _inode(f"{_LOOPBACK}:{port:04X}")
    return (inode and _owner(f"socket:[{inode}]")) or host


def _inode(local_address: str) -> str | None:
    """Return the inode of the socket with these addresses."""
    try:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return None
    return next(
        (fields[9] for fields in map(str.split, lines) if fields[1] == local_address and fields[9] != "0"), None
    )


def _owner(socket: str) -> str | None:
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _has(process, socket):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                return None
            return " ".join(word.decode(errors="replace") for word in words).strip() + " "
    return None


def _has(process: Path, socket: str) -> bool:
    try:
        return any(os.readlink(file) == socket for file in (process / "fd").iterdir())
    except OSError:
        return False  # the process is another user's, or has ended
