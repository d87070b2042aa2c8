"""Dead: a stack of which nothing runs; what a test's own stack does not need of one."""

from collections.abc import Iterable, Mapping

from deploy.local.output import Problem
from deploy.stacks.faults import Fault, Program
from deploy.stacks.stack import Stack


class DeadStack(Stack):
    """Nothing responds there."""

    operator_key = ""

    def address(self, program: str) -> str:
        """A port that is closed."""
        return "127.0.0.1:1"

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Nothing to prepare."""

    def processes(self, program: Program) -> Mapping[str, str]:
        """None."""
        return {}

    def pids(self) -> Mapping[str, int]:
        """None."""
        return {}

    def scale(self, writers: int) -> None:
        """Nothing to scale."""

    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """Nothing to start."""

    def primary(self, store: str) -> str:
        """None: one node of each."""
        raise Problem(f"there is one node of the {store}")

    def ledger(self) -> tuple[bool, str]:
        """Out of balance."""
        return False, "missing 1"

    def _begin(self, fault: Fault) -> None:
        """Nothing to break."""
