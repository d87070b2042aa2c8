"""The stack: the running system of this clone, and the operations on it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence

from deploy.client.request import request_json
from deploy.local.output import Problem
from deploy.stacks.faults import Behave, Fault, Program, Store
from deploy.stacks.journal import Journal, Undo
from deploy.stacks.mend import undo


class Stack(ABC):
    """A running system, made by `deploy.stacks.running.running`. Its methods raise Problem. Each fault is entered in
    the journal before it begins. Any thread may call the methods."""

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        self._journal = journal
        #: Seconds after which every run is over. Faults that end by themselves last no longer.
        self._lasts_s = lasts_s
        self._broken: list[tuple[Fault, list[Undo]]] = []
        self._beginning = threading.Lock()

    # --- where things are ---------------------------------------------------------------------------------------

    @abstractmethod
    def address(self, program: str) -> str:
        """Return `host:port` of a program, of `prometheus`, or of an api that `start_api` started."""

    def url(self, program: str) -> str:
        """Return the address as a URL."""
        return f"http://{self.address(program)}"

    @property
    @abstractmethod
    def operator_key(self) -> str:
        """An API key with every scope."""

    @abstractmethod
    def processes(self, program: Program) -> Mapping[str, str]:
        """Return each process by name, with a value that distinguishes it from the process that replaces it."""

    @abstractmethod
    def pids(self) -> Mapping[str, int]:
        """Return process ids by name, as far as they are visible from here."""

    @abstractmethod
    def primary(self, store: Store) -> str:
        """Return the name of the node that takes writes now. Raises Problem if the store has only one node."""

    @abstractmethod
    def ledger(self) -> tuple[bool, str]:
        """Return whether every accepted write is accounted for, and the ledger's table."""

    # --- what can be done ---------------------------------------------------------------------------------------

    @abstractmethod
    def prepare(self, faults: Iterable[Fault]) -> None:
        """Prepare these faults without breaking anything. Raises Problem if they cannot be injected here."""

    def begin(self, fault: Fault) -> None:
        """Inject the fault. It is in force on return. If this raises Problem, the fault has been undone as far as
        possible."""
        with self._beginning:
            known = self._journal.read()
            try:
                self._begin(fault)
            except Problem:
                undo(self._journal, self._since(known), lambda _: None, wait=False)
                raise
            self._broken.append((fault, self._since(known)))

    def end(self, fault: Fault, *, wait: bool = True) -> None:
        """End the fault. It is gone on return, and with `wait` what it broke is ready."""
        with self._beginning:
            at = [each for each, _ in self._broken].index(fault)
            _, undos = self._broken.pop(at)
        complaints: list[str] = []
        if not undo(self._journal, undos, complaints.append, wait=wait):
            raise Problem("; ".join(complaints), "make chaos-heal")

    @abstractmethod
    def scale(self, writers: int) -> None:
        """Run so many writers, and return when they are ready."""

    @abstractmethod
    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """Start one more api with these settings under this name, and return when it is ready."""

    @abstractmethod
    def _begin(self, fault: Fault) -> None: ...

    def _since(self, known: Sequence[Undo]) -> list[Undo]:
        return [undo for undo in self._journal.read() if undo not in known]

    def _behave(self, fault: Behave) -> None:
        """Set the third party's behaviour. It recovers by itself after `lasts_s` in any case."""
        address = self.address("third_party")
        self._journal.add({"how": "heal", "address": address, "path": "/behaviour"})
        response = request_json(address, "PUT", "/behaviour", {**fault.behaviour, "for_s": self._lasts_s})
        if response.status != 200:
            raise Problem(f"the third party at {address} answers {response.status} {response.body}")
