"""Ports: which are free, which process has a taken one, and which setting moves a program to another."""

import errno
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from deploy.local.output import Problem
from deploy.local.program import Program
from deploy.local.settings import LOOPBACK, port_offset

_LISTEN = "0A"


class _Wanted(NamedTuple):
    name: str
    host: str
    port: int
    setting: str


def check_free(programs: Iterable[Program], typed: str) -> None:
    """Raise Problem that names every taken port, with the command that was typed, changed to avoid them."""
    wanted = [
        _Wanted(program.name, *where)
        for program in programs
        for where in ((program.host, program.port, program.port_setting), *program.more_ports)
    ]
    taken = [each for each in wanted if not is_free(each.host, each.port)]
    if not taken:
        return
    what = [
        f"port {each.port} is taken{taken_by(each.port)}, and {each.name} needs it ({each.setting})" for each in taken
    ]
    moved = " ".join(f"{each.setting}={_free_after(each)}" for each in _last_of_each(taken))
    offset = port_offset(os.environ)
    kept = f"PORT_OFFSET={offset} " if offset else ""
    others = f"or move every port at once: {typed} PORT_OFFSET={offset + 100}"
    raise Problem("\n".join(what), f"{typed} {kept}{moved}", others)


def is_free(host: str, port: int) -> bool:
    """Return whether a server could listen there now. Raises Problem if none ever could."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise Problem(f"nothing can listen on {host}:{port}: {error.strerror}") from None
            return False
    return True


def free_port() -> int:
    """Return a loopback port on which nothing listens now."""
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return int(one.getsockname()[1])


def _last_of_each(taken: list[_Wanted]) -> list[_Wanted]:
    """Return the last of each setting's ports: writers, and nodes, share a setting, and the last one decides where they
    can begin."""
    return list({each.setting: each for each in taken}.values())


def _free_after(wanted: _Wanted) -> int:
    candidates = range(wanted.port + 100, min(wanted.port + 3000, 65000), 100)
    return next((port for port in candidates if is_free(wanted.host, port)), wanted.port + 1)


def taken_by(port: int) -> str:
    """Return ` by redis-server (process 4711)`, as far as /proc shows it to this user."""
    inodes = {inode for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    for entry in Path("/proc").iterdir() if inodes else ():
        if entry.name.isdigit() and _holds(entry, inodes):
            return f" by {(entry / 'comm').read_text().strip()} (process {entry.name})"
    return ""


def _listening(table: str, port: int) -> Iterable[str]:
    try:
        lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    except OSError:
        return
    for fields in map(str.split, lines):
        if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
            yield f"socket:[{fields[9]}]"


def _holds(process: Path, inodes: set[str]) -> bool:
    try:
        return any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir())
    except OSError:
        return False  # the process is another user's, or has ended
