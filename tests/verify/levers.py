"""Levers: break and mend parts of a running stack with the stack's own means (deploy/stacks)."""

from collections.abc import Sequence
from typing import get_args

import httpx

from deploy.faults.faults import Faults
from deploy.local.nodes import Node
from deploy.local.program import Program
from deploy.local.programs import programs
from deploy.local.settings import StackSettings
from deploy.local.supervisor_client import Supervisor
from deploy.stacks import faults
from deploy.stacks.faults import Fault, Freeze, Kill, KillPrimary, Network
from deploy.stacks.stack import Stack
from tests.client import fetch
from tests.servers import wait_until
from tests.verify.links import Links
from tests.verify.stage import LINKS

_UP = ("STARTING", "RUNNING", "BACKOFF")


def programs_of(settings: StackSettings) -> list[Program]:
    """Return our programs."""
    return [program for program in programs(settings) if program.kind == "service"]


def is_up(name: str) -> bool:
    """Return whether the supervisor runs it, frozen or not."""
    return Supervisor().states()[name]["statename"] in _UP


class Lever:
    """The faults in force at one part of the stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._in_force: list[Fault] = []

    def put(self, fault: Fault) -> None:
        """Put a fault in force. Raises Problem."""
        self._stack.begin(fault)
        self._in_force.append(fault)

    def mend(self, *, wait: bool = True) -> None:
        """End all faults. With `wait`, return when it is ready. Raises Problem."""
        while self._in_force:
            self._stack.end(self._in_force.pop(), wait=wait)


class Service(Lever):
    """One process of our services."""

    def __init__(self, stack: Stack, program: Program) -> None:
        super().__init__(stack)
        self.url = f"http://{program.address}"
        self._kind = next(kind for kind in get_args(faults.Program) if program.name.startswith(kind))
        self._name = program.name

    @property
    def running(self) -> bool:
        """Whether it runs, which a frozen process does."""
        return is_up(self._name)

    def kill(self) -> None:
        """Kill it with kill -9. It stays down until `start`."""
        self.put(Kill(self._kind, only=self._name))

    def freeze(self) -> None:
        """Send SIGSTOP."""
        self.put(Freeze(self._kind, only=self._name))

    def thaw(self) -> None:
        """Send SIGCONT."""
        self.mend(wait=False)

    def start(self, *, wait: bool = True) -> None:
        """Start it. With `wait`, return when it answers."""
        self.mend(wait=False)
        Supervisor().start([self._name])
        if wait:
            self.wait_until_alive()

    def wait_until_alive(self) -> None:
        """Wait until it answers /livez."""
        wait_until(self._answers, what=self._name)

    def _answers(self) -> bool:
        try:
            return fetch("GET", f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class Store(Lever):
    """A store of several nodes. A fault hits the node that takes writes now."""

    def __init__(self, stack: Stack, store: faults.Store, nodes: Sequence[Node]) -> None:
        super().__init__(stack)
        self._store: faults.Store = store
        self._nodes = nodes

    @property
    def running(self) -> bool:
        """Whether every node runs."""
        return all(is_up(node.name) for node in self._nodes)

    def kill(self) -> None:
        """Kill the primary with kill -9."""
        self.put(KillPrimary(self._store))

    def freeze(self) -> None:
        """Freeze the primary with SIGSTOP."""
        self.put(Freeze(self._store, only=self._stack.primary(self._store)))

    def thaw(self) -> None:
        """End the fault in force."""
        self.mend()

    def start(self) -> None:
        """Start every node."""
        self.mend()
        Supervisor().start([node.name for node in self._nodes])


class OneStore(Lever):
    """The cache, a single server."""

    def __init__(self, stack: Stack, program: faults.Program, name: str) -> None:
        super().__init__(stack)
        self._program: faults.Program = program
        self._name = name

    @property
    def running(self) -> bool:
        """Whether it runs, which a frozen server does."""
        return is_up(self._name)

    def kill(self) -> None:
        """Kill it with kill -9."""
        self.put(Kill(self._program))

    def freeze(self) -> None:
        """Freeze it with SIGSTOP."""
        self.put(Freeze(self._program))

    def thaw(self) -> None:
        """End the fault in force."""
        self.mend()

    def start(self) -> None:
        """Start it."""
        self.mend()
        Supervisor().start([self._name])


class Hops(Links):
    """The connections of every service to every store, through the stack's own proxies. Raises Problem where proxies
    are not possible."""

    def __init__(self, stack: Stack) -> None:
        stack.prepare([Network(store, {}) for store in ("queue", "cache", "database")])
        self.ports = dict.fromkeys(LINKS, 0)
        self._levers = {name: Lever(stack) for name in LINKS}

    def set(self, name: str, faults: Faults) -> None:
        """Put faults in force before returning. Resets can affect one kind of client only; refusals cannot."""
        kind, store = _ends(name)
        document = faults.to_json() | {"refuse": False}
        document.pop("clients")
        self._levers[name].put(Network(store, document, of=kind))

    def heal(self, name: str) -> int:
        """End all faults. The number of lost replies is not known."""
        self._levers[name].mend()
        return 0

    def end(self) -> None:
        """Do nothing: the proxies end with the stack."""


def _ends(link: str) -> tuple[faults.Program, faults.Program]:
    kinds: dict[str, faults.Program] = {"api": "api", "writer": "writer", "dlq-admin": "dlq_admin"}
    stores: dict[str, faults.Program] = {"queue": "queue", "cache": "cache", "database": "database"}
    kind, _, store = link.partition(" → ")
    return kinds[kind], stores[store]
