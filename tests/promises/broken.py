"""Broken: a run that keeps every promise, which a test then changes so that it breaks one."""

from dataclasses import dataclass, replace
from typing import Any

from tests.promises.case import Case
from tests.promises.final import Ended, Final
from tests.promises.history import Event, History, Ok
from tests.promises.made import Made, made


@dataclass
class Broken:
    """A run with the changes that a test has made to it."""

    run: Made
    final: Final

    def case(self) -> Case:
        """Return the run as the checks take it."""
        return Case(History(self.run.events), self.final)

    def any_applied(self, *methods: str) -> Ended:
        """Return an operation that took effect."""
        return self.run.chance.choice(
            [
                ended
                for ended in self.final.ended
                if ended.effect == "applied" and (not methods or ended.method in methods)
            ]
        )

    def change(self, event: Event, **fields: Any) -> None:
        """Replace an event."""
        self.run.events[self.run.events.index(event)] = replace(event, **fields)

    def answer_of(self, operation_id: str) -> Ok:
        """Return the answer that acknowledged the operation."""
        return next(e for e in self.run.events if isinstance(e, Ok) and e.operation_id == operation_id)

    def append(self, *events: Event) -> None:
        """Add events."""
        self.run.events += events


def fresh(seed: int) -> Broken:
    """Return an unchanged run."""
    run = made(seed)
    return Broken(run, run.final())
