"""Broken: a run that keeps every promise, and what a test then does to it."""

from dataclasses import dataclass, replace
from typing import Any

from tests.promises.case import Case
from tests.promises.final import Ended, Final
from tests.promises.history import Event, History, Ok
from tests.promises.made import Made, made


@dataclass
class Broken:
    """A run, and what has been done to it."""

    run: Made
    final: Final

    def case(self) -> Case:
        """To check it."""
        return Case(History(self.run.events), self.final)

    def any_applied(self, *methods: str) -> Ended:
        """An operation that took effect."""
        return self.run.chance.choice(
            [
                ended
                for ended in self.final.ended
                if ended.effect == "applied" and (not methods or ended.method in methods)
            ]
        )

    def change(self, event: Event, **fields: Any) -> None:
        """An event is another one."""
        self.run.events[self.run.events.index(event)] = replace(event, **fields)

    def answer_of(self, operation_id: str) -> Ok:
        """The one that acknowledged it."""
        return next(e for e in self.run.events if isinstance(e, Ok) and e.operation_id == operation_id)

    def append(self, *events: Event) -> None:
        """More happened."""
        self.run.events += events


def fresh(seed: int) -> Broken:
    """Nothing is broken yet."""
    run = made(seed)
    return Broken(run, run.final())
