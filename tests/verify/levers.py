"""Levers: parts of a running stack (deploy/stacks), broken and mended with what the stack offers for that."""

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
    """Of ours."""
    return [program for program in programs(settings) if program.kind == "service"]


def is_up(name: str) -> bool:
    """Whether the supervisor runs it; a frozen one runs."""
    return Supervisor().states()[name]["statename"] in _UP


class Lever:
    """What is in force at one part of the stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._in_force: list[Fault] = []

    def put(self, fault: Fault) -> None:
        """Raises Problem."""
        self._stack.begin(fault)
        self._in_force.append(fault)

    def mend(self, *, wait: bool = True) -> None:
        """Everything; with `wait`, until it is ready. Raises Problem."""
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
        """A frozen one does."""
        return is_up(self._name)

    def kill(self) -> None:
        """kill -9; it stays away until `start`."""
        self.put(Kill(self._kind, only=self._name))

    def freeze(self) -> None:
        """SIGSTOP."""
        self.put(Freeze(self._kind, only=self._name))

    def thaw(self) -> None:
        """It goes on."""
        self.mend(wait=False)

    def start(self, *, wait: bool = True) -> None:
        """With `wait`, until it answers."""
        self.mend(wait=False)
        Supervisor().start([self._name])
        if wait:
            self.wait_until_alive()

    def wait_until_alive(self) -> None:
        """Until it answers /livez."""
        wait_until(self._answers, what=self._name)

    def _answers(self) -> bool:
        try:
            return fetch("GET", f"{self.url}/livez", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


class Store(Lever):
    """One of several nodes. A fault hits the one that takes writes now."""

    def __init__(self, stack: Stack, store: faults.Store, nodes: Sequence[Node]) -> None:
        super().__init__(stack)
        self._store: faults.Store = store
        self._nodes = nodes

    @property
    def running(self) -> bool:
        """Every node."""
        return all(is_up(node.name) for node in self._nodes)

    def kill(self) -> None:
        """kill -9 of the primary."""
        self.put(KillPrimary(self._store))

    def freeze(self) -> None:
        """SIGSTOP of the primary."""
        self.put(Freeze(self._store, only=self._stack.primary(self._store)))

    def thaw(self) -> None:
        """Whatever is in force."""
        self.mend()

    def start(self) -> None:
        """Every node is there again."""
        self.mend()
        Supervisor().start([node.name for node in self._nodes])


class OneStore(Lever):
    """The cache, of which there is one."""

    def __init__(self, stack: Stack, program: faults.Program, name: str) -> None:
        super().__init__(stack)
        self._program: faults.Program = program
        self._name = name

    @property
    def running(self) -> bool:
        """A frozen one does."""
        return is_up(self._name)

    def kill(self) -> None:
        """kill -9."""
        self.put(Kill(self._program))

    def freeze(self) -> None:
        """SIGSTOP."""
        self.put(Freeze(self._program))

    def thaw(self) -> None:
        """Whatever is in force."""
        self.mend()

    def start(self) -> None:
        """It is there again."""
        self.mend()
        Supervisor().start([self._name])


class Hops(Links):
    """Every service's way to every store, through the stack's own proxies. Raises Problem where they cannot be put."""

    def __init__(self, stack: Stack) -> None:
        stack.prepare([Network(store, {}) for store in ("queue", "cache", "database")])
        self.ports = dict.fromkeys(LINKS, 0)
        self._levers = {name: Lever(stack) for name in LINKS}

    def set(self, name: str, faults: Faults) -> None:
        """In force when this returns. A refusal cannot be of one kind of clients; a reset can."""
        kind, store = _ends(name)
        document = faults.to_json() | {"refuse": False}
        document.pop("clients")
        self._levers[name].put(Network(store, document, of=kind))

    def heal(self, name: str) -> int:
        """No faults any more; how many replies were lost is not known."""
        self._levers[name].mend()
        return 0

    def end(self) -> None:
        """With the stack."""


def _ends(link: str) -> tuple[faults.Program, faults.Program]:
    kinds: dict[str, faults.Program] = {"api": "api", "writer": "writer", "dlq-admin": "dlq_admin"}
    stores: dict[str, faults.Program] = {"queue": "queue", "cache": "cache", "database": "database"}
    kind, _, store = link.partition(" → ")
    return kinds[kind], stores[store]
