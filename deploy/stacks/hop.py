"""The hop: a fault proxy in front of a server of the running local stack, put there and removed without a restart.

The kernel's packet filter redirects new connections to the server's port to the proxy, whose own connections it
recognizes by their mark. Existing connections are closed, and come back through the proxy.
"""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.client.request import request, request_json
from deploy.local.output import Problem
from deploy.local.packages import find, which
from deploy.local.processes import Process, end
from deploy.stacks.journal import Journal
from deploy.stacks.spawn import spawn, undo_of

_LOOPBACK = "127.0.0.1"
_MARK = 0x4F1D
_START_S = 30.0
_POLL_S = 0.05
_TABLES_S = "5"


class Hop:
    """A hop in front of the server on this loopback port. `control`: `host:port` of the proxy's control interface."""

    def __init__(self, journal: Journal, program: str, port: int) -> None:
        self._program = program
        self.control = self._insert(journal, port)

    def set(self, faults: Mapping[str, Any]) -> None:
        """Apply exactly these faults, to existing connections too."""
        response = request_json(self.control, "PUT", "/faults", faults)
        if response.status != 200:
            raise Problem(f"the fault proxy before {self._program} answers {response.status} {response.body}")

    def connections(self) -> int:
        """Return the number of open connections through the hop."""
        response = request(self.control, "GET", "/faults")
        return int(response.body["connections"]) if response.status == 200 else 0

    def _insert(self, journal: Journal, port: int) -> str:
        line, process = _start(self._program, port, journal.folder / f"proxy-{self._program}.log")
        journal.add(undo_of(process))
        address, _, control = line.partition(" -> ")
        to_port = address.rpartition(":")[2]
        match = ("-p", "tcp", "-d", _LOOPBACK, "--dport", str(port), "-m", "mark", "!", "--mark", str(_MARK))
        rule = [*match, "-m", "comment", "--comment", "holdfast chaos", "-j", "REDIRECT", "--to-ports", to_port]
        table = [find("iptables"), "-w", _TABLES_S, "-t", "nat"]
        journal.add(
            {
                "how": "command",
                "command": [*table, "-D", "OUTPUT", *rule],
                "gone": ["does a matching rule exist"],
            }
        )
        done = subprocess.run([*table, "-I", "OUTPUT", *rule], capture_output=True, text=True, timeout=20, check=False)
        if done.returncode:
            raise Problem(f"the kernel's packet filter refuses: {done.stderr.strip()}", "or STACK=docker")
        return control.rpartition("faults: ")[2].removesuffix("/faults")


def check_possible() -> None:
    """Raise Problem if this machine cannot insert a hop."""
    if os.geteuid() != 0:
        raise Problem("a fault between running processes needs root", "sudo make chaos-...", "or STACK=docker")
    if which("iptables") is None:
        raise Problem("there is no iptables", "apt-get install iptables", "or STACK=docker")


def _start(program: str, port: int, output: Path) -> tuple[str, Process]:
    """Start the proxy. Return the line that it prints when it listens, and its process."""
    process = spawn(["deploy.faults", "--to", f"{_LOOPBACK}:{port}", "--mark", str(_MARK)], output)
    deadline = time.monotonic() + _START_S
    while not (line := output.read_text()).endswith("\n"):
        if not process.alive or time.monotonic() > deadline:
            end([process], 1.0)
            raise Problem(f"the fault proxy before {program} did not start: {line}", f"see {output}")
        time.sleep(_POLL_S)
    return line.strip(), process
