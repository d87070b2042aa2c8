"""The hop: a fault proxy put before a server of the running local stack, and taken away again; nothing is restarted.

New connections to the server's port are turned to the proxy by the kernel's packet filter, which knows the proxy's own
connections by their mark; the ones that exist are ended, and come back through it.
"""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.chaos.journal import Journal
from deploy.chaos.spawn import spawn
from deploy.local.packages import find, which
from deploy.local.problem import Problem
from deploy.local.processes import Process, end
from deploy.scenarios.ask import ask

_LOOPBACK = "127.0.0.1"
_MARK = 0x4F1D
_START_S = 10.0
_POLL_S = 0.05
_TABLES_S = "5"


class Hop:
    """Before the server on this port of the loopback."""

    def __init__(self, journal: Journal, program: str, port: int) -> None:
        self._program = program
        self._control = ""
        self._insert(journal, port)

    def set(self, faults: Mapping[str, Any]) -> None:
        """These faults and no others, on living connections too."""
        answer = ask(self._control, "PUT", "/faults", json.dumps(faults).encode(), {})
        if answer.status != 200:
            raise Problem(f"the fault proxy before {self._program} says {answer.status} {answer.body}")

    def living(self) -> int:
        """Connections that go through it."""
        answer = ask(self._control, "GET", "/faults", None, {})
        return int(answer.body["living"]) if answer.status == 200 else 0

    @property
    def control(self) -> str:
        """`host:port` of its control."""
        return self._control

    def _insert(self, journal: Journal, port: int) -> None:
        said, process = _start(self._program, port, journal.folder / f"proxy-{self._program}.log")
        journal.add({"how": "end", "process": [process.pid, process.born, process.boot]})
        address, _, control = said.partition(" -> ")
        self._control = control.rpartition("faults: ")[2].removesuffix("/faults")
        turn = ["-p", "tcp", "-d", _LOOPBACK, "--dport", str(port), "-m", "mark", "!", "--mark", str(_MARK),
                "-m", "comment", "--comment", "holdfast chaos", "-j", "REDIRECT",
                "--to-ports", address.rpartition(":")[2]]  # fmt: skip
        table = [find("iptables"), "-w", _TABLES_S, "-t", "nat"]
        undo = {"how": "command", "command": [*table, "-D", "OUTPUT", *turn], "gone": ["does a matching rule exist"]}
        journal.add(undo)
        done = subprocess.run([*table, "-I", "OUTPUT", *turn], capture_output=True, text=True, timeout=20, check=False)
        if done.returncode:
            raise Problem(f"the kernel's packet filter refuses: {done.stderr.strip()}", "or STACK=docker")


def check_possible() -> None:
    """Raise Problem where no hop can be inserted."""
    if os.geteuid() != 0:
        raise Problem("a fault between running processes needs root", "sudo make chaos-...", "or STACK=docker")
    if which("iptables") is None:
        raise Problem("there is no iptables", "apt-get install iptables", "or STACK=docker")


def _start(program: str, port: int, output: Path) -> tuple[str, Process]:
    """What it says of itself, and its process."""
    process = spawn(["deploy.faults", "--to", f"{_LOOPBACK}:{port}", "--mark", str(_MARK)], output)
    deadline = time.monotonic() + _START_S
    while not (said := output.read_text()).endswith("\n"):
        if not process.alive or time.monotonic() > deadline:
            end([process], 1.0)
            raise Problem(f"the fault proxy before {program} did not start: {said}", f"see {output}")
        time.sleep(_POLL_S)
    return said.strip(), process
