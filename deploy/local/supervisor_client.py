"""A client of the supervisor: XML-RPC over its own Unix socket, which only this user can open."""

import contextlib
import http.client
import os
import signal
import socket
import time
import xmlrpc.client
from collections.abc import Iterable
from typing import Any

from deploy.local.output import Problem
from deploy.local.places import socket_path
from deploy.local.progress import during
from deploy.local.supervisor_conf import SOCKET

_TIMEOUT_S = 10.0
_POLL_S = 0.2
_ENDED = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}

#: supervisor's fault codes for requests that change nothing.
_ALREADY_STARTED, _NOT_RUNNING, _BAD_NAME = 60, 70, 10

#: There is no supervisor, or it is ending.
Unreachable = (OSError, http.client.HTTPException, xmlrpc.client.Error)


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(socket_path(SOCKET)))


class _Transport(xmlrpc.client.Transport):
    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _Connection("localhost")


class Supervisor:
    """A running supervisord. Raises the errors in `Unreachable` if it is not reachable."""

    def __init__(self) -> None:
        self._rpc: Any = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport()).supervisor

    def running(self) -> bool:
        """Return whether it accepts commands. It does not while it shuts down."""
        return bool(self._rpc.getState()["statename"] == "RUNNING")

    def states(self) -> dict[str, dict[str, Any]]:
        """Return supervisor's own description of each program: `statename`, `pid`, `start`, `spawnerr` and so on."""
        return {info["name"]: info for info in self._rpc.getAllProcessInfo()}

    def start(self, names: Iterable[str]) -> None:
        """Start all of these at once. Running ones stay as they are."""
        for name in names:
            self._unless(_ALREADY_STARTED, self._rpc.startProcess, name, False)

    def stop(self, names: Iterable[str], patience_s: float, *, hard: bool = False) -> None:
        """Stop all of these at once, and wait for them. `hard`: kill -9, before they can react."""
        names = list(names)
        pids = self.pids(names) if hard else []
        for name in names:
            self._unless(_NOT_RUNNING, self._rpc.stopProcess, name, False)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with during("stopping"):
            self._wait_ended(names, patience_s)

    def _wait_ended(self, names: list[str], patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while any(self.states()[name]["statename"] not in _ENDED for name in names):
            if time.monotonic() > deadline:
                raise Problem(f"still running after {patience_s:.0f} s: {', '.join(names)}")
            time.sleep(_POLL_S)

    def pids(self, names: Iterable[str]) -> list[int]:
        """Return the process ids of running programs."""
        states = self.states()
        return [states[name]["pid"] for name in names if states[name]["pid"]]

    def reread(self) -> tuple[list[str], list[str], list[str]]:
        """Read the configuration again, and return the names of (new, changed, removed) programs, without applying the
        changes."""
        added, changed, removed = self._rpc.reloadConfig()[0]
        return added, changed, removed

    def add(self, name: str) -> None:
        """Add a new program, stopped."""
        self._rpc.addProcessGroup(name)

    def remove(self, name: str) -> None:
        """Remove a stopped program."""
        self._unless(_BAD_NAME, self._rpc.removeProcessGroup, name)

    def shut_down(self) -> None:
        """Shut the supervisor down, with everything that it still runs."""
        self._rpc.shutdown()

    @staticmethod
    def _unless(code: int, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != code:
                raise
