"""What an experiment needs of the stack it runs on."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from deploy.chaos.experiment import Fault, Program


class Stack(Protocol):
    """A running one. Methods raise Problem; whatever they break is in the journal first."""

    #: `host:port`.
    api: str
    dlq_admin: str
    #: Of an API key that may do everything.
    token: str

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Put in place what these need, without breaking anything. Raises Problem when they cannot be done here."""

    def break_it(self, fault: Fault) -> None:
        """It is in force when this returns."""

    def processes(self, program: Program) -> Mapping[str, str]:
        """Each process of it by name, and what tells it from the one that takes its place."""
