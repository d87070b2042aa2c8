"""Client: which process or host is at the other end of a connection, so that faults can be for one client only."""

import os
from pathlib import Path

#: An address in /proc/net/tcp, little endian.
_LOOPBACK = "0100007F"


def client_of(peer: tuple[str, int] | None) -> str:
    """The command line of the process on this machine that has the socket, with spaces in it; else its IP address."""
    if peer is None:
        return "gone"
    host, port = peer[0], peer[1]
    if host != "127.0.0.1":
        return host
    inode = _inode(f"{_LOOPBACK}:{port:04X}")
    return (inode and _owner(f"socket:[{inode}]")) or host


def _inode(local_address: str) -> str | None:
    """Of the socket that is bound so, and connected."""
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
        return False  # another user's, or gone
