"""The stack: the running system of this clone, and what can be done to it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from deploy.client.request import request_json
from deploy.local.output import Problem
from deploy.stacks.faults import Behave, Fault, Program, Store
from deploy.stacks.journal import Journal, Undo
from deploy.stacks.mend import undo


class Stack(ABC):
    """A running system. Get one from `deploy.stacks.running.running`.

    Methods raise Problem. How to undo a thing is in the journal before it is done. Any thread may call them.
    """

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        self._journal = journal
        #: After so long everything is over: nothing that ends by itself lasts longer.
        self._lasts_s = lasts_s
        self._broken: list[tuple[Fault, list[Undo]]] = []
        self._beginning = threading.Lock()

    # --- where things are ---------------------------------------------------------------------------------------

    @abstractmethod
    def address(self, program: str) -> str:
        """`host:port` of a program, of `prometheus`, or of an api that `start_api` started."""

    def url(self, program: str) -> str:
        """The same with a scheme."""
        return f"http://{self.address(program)}"

    @property
    @abstractmethod
    def operator_key(self) -> str:
        """An API key with every scope."""

    @abstractmethod
    def processes(self, program: Program) -> Mapping[str, str]:
        """Each process of it by name, and what tells it from the process that takes its place."""

    @abstractmethod
    def pids(self) -> Mapping[str, int]:
        """Process ids by name, where they can be seen."""

    @abstractmethod
    def primary(self, store: Store) -> str:
        """The name of the node that is written to now. Raises Problem where the store has one node only."""

    @abstractmethod
    def ledger(self) -> tuple[bool, str]:
        """Whether every accepted write is accounted for, and the ledger's table."""

    # --- what can be done ---------------------------------------------------------------------------------------

    @abstractmethod
    def prepare(self, faults: Iterable[Fault]) -> None:
        """Put in place what these need, without breaking anything. Raises Problem when they cannot be done here."""

    def begin(self, fault: Fault) -> None:
        """The fault is in force when this returns. When it raises Problem, nothing is broken, as far as it can be."""
        with self._beginning:
            known = self._journal.read()
            try:
                self._begin(fault)
            except Problem:
                undo(self._journal, self._since(known), lambda _: None, wait=False)
                raise
            self._broken.append((fault, self._since(known)))

    def end(self, fault: Fault, *, wait: bool = True) -> None:
        """The fault is gone when this returns, and, with `wait`, what it broke is ready."""
        with self._beginning:
            at = [each for each, _ in self._broken].index(fault)
            _, undos = self._broken.pop(at)
        complaints: list[str] = []
        if not undo(self._journal, undos, complaints.append, wait=wait):
            raise Problem("; ".join(complaints), "make chaos-heal")

    @abstractmethod
    def scale(self, writers: int) -> None:
        """Run so many writers; returns when they are ready."""

    @abstractmethod
    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """Start one more api, with these settings, under this name; returns when it is ready."""

    @abstractmethod
    def _begin(self, fault: Fault) -> None: ...

    def _since(self, known: Sequence[Undo]) -> list[Undo]:
        return [undo for undo in self._journal.read() if undo not in known]

    def _behave(self, fault: Behave) -> None:
        """The third party recovers by itself after `lasts_s` in any case."""
        address = self.address("third_party")
        self._journal.add({"how": "heal", "address": address, "path": "/behaviour"})
        response = request_json(address, "PUT", "/behaviour", {**fault.behaviour, "for_s": self._lasts_s})
        if response.status != 200:
            raise Problem(f"the third party at {address} answers {response.status} {response.body}")
