"""Hops: fault proxies in front of processes of the running local stack, one for each node of a store."""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from deploy.local import database
from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import REPO
from deploy.stacks.faults import Program
from deploy.stacks.hop import Hop, check_possible
from deploy.stacks.journal import Journal

_COMMAND_S = 60.0
_BACK_S = 20.0
_POLL_S = 0.1


class Hops:
    """The hops, by the name of the process behind each. `ports`: the ports of the processes."""

    def __init__(self, journal: Journal, ports: Mapping[str, int]) -> None:
        self._journal = journal
        self._ports = ports
        self._before: dict[str, Hop] = {}

    def insert(self, program: Program, names: list[str]) -> None:
        """Insert a hop in front of each of these processes, all of one program."""
        missing = [name for name in names if name not in self._before]
        for name in missing:
            check_possible()
            self._before[name] = Hop(self._journal, name, self._ports[name])
            _reconnect(program, name)
        if missing:
            _wait_for_clients([self._before[name] for name in missing])

    def set(self, name: str, faults: Mapping[str, Any]) -> None:
        """Apply exactly these faults to connections to that process. Raises Problem."""
        hop = self._before.get(name)
        if hop is None:
            raise Problem(f"{name} took another's place meanwhile", "try again")
        self._journal.add({"how": "heal", "address": hop.control, "path": "/faults"})
        hop.set(faults)


def _reconnect(program: Program, name: str) -> None:
    """Close the existing connections to a process at the server."""
    if program == "database":
        client = [find("mariadb"), f"--socket={database.socket(name)}", "--batch", "--skip-column-names"]
        query = f"SELECT id FROM information_schema.processlist WHERE user LIKE '{database.NAME}\\_%'"  # noqa: S608 - a constant
        kill = "".join(f"KILL CONNECTION {id};" for id in output([*client, "-e", query]).split())
        subprocess.run([*client, "--force", "-e", kill], capture_output=True, timeout=_COMMAND_S, check=False)
        return
    for kind in ("normal", "pubsub", "replica"):
        output([*redis_cli(name), "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])


def _wait_for_clients(hops: Sequence[Hop]) -> None:
    """Wait until clients are connected through the hops. A node that takes no writes may have none."""
    deadline = time.monotonic() + _BACK_S
    while not any(hop.connections() for hop in hops):
        if time.monotonic() > deadline:
            raise Problem(f"after {_BACK_S:.0f} s no client has reconnected through the fault proxy")
        time.sleep(_POLL_S)


def redis_cli(place: str) -> list[str]:
    """Return the redis-cli command for the queue's primary, the cache or a named node, as the operator. It does not
    contain the password, and so neither does the journal."""
    return [sys.executable, "-m", "deploy.local", "redis", place]


def output(command: Sequence[str]) -> str:
    """Return what the command prints. Raises Problem if it fails."""
    try:
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    except subprocess.TimeoutExpired as hung:
        raise Problem(f"{' '.join(command[:6])} ...: no end after {_COMMAND_S:.0f} s") from hung
    if done.returncode:
        raise Problem(f"{' '.join(command[:6])} ...: {(done.stdout + done.stderr).strip()}")
    return done.stdout
