"""Dead: a stack of which nothing runs. It supplies the methods that the stacks of tests do not need."""

from collections.abc import Iterable, Mapping

from deploy.local.output import Problem
from deploy.stacks.faults import Fault, Program
from deploy.stacks.stack import Stack


class DeadStack(Stack):
    """A stack in which nothing responds."""

    operator_key = ""

    def address(self, program: str) -> str:
        """Return a port that is closed."""
        return "127.0.0.1:1"

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Do nothing."""

    def processes(self, program: Program) -> Mapping[str, str]:
        """Return no process."""
        return {}

    def pids(self) -> Mapping[str, int]:
        """Return no process."""
        return {}

    def scale(self, writers: int) -> None:
        """Do nothing."""

    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """Do nothing."""

    def primary(self, store: str) -> str:
        """Raise Problem: there is one node of each store."""
        raise Problem(f"there is one node of the {store}")

    def ledger(self) -> tuple[bool, str]:
        """Return a ledger that does not balance."""
        return False, "missing 1"

    def _begin(self, fault: Fault) -> None:
        """Do nothing."""
