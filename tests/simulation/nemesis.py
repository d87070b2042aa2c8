"""Nemesis: begins and ends the faults of a plan at their times, and mends everything at the end.

How a fault is made is a lever's business (tests/simulation/levers.py). Faults of one kind on one target may overlap:
the target is well when the last of them is over.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from tests.simulation.plan import Fault


class Levers(Protocol):
    """What makes faults."""

    def begin(self, fault: Fault) -> bool:
        """Make it; False: there is nothing to make it on."""

    def end(self, fault: Fault) -> None:
        """Undo it."""


class Nemesis:
    """`rage` runs the faults; `report` is called with each as it begins (True) and ends (False)."""

    def __init__(self, levers: Levers, report: Callable[[Fault, bool], None]) -> None:
        self._levers = levers
        self.report = report
        self._active: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, str], Fault] = {}
        #: How often each kind was made.
        self.made: Counter[str] = Counter()

    async def rage(self, faults: Iterable[Fault], now: Callable[[], float], until_s: float) -> None:
        """Until then; then everything is mended, also what would have lasted longer."""
        try:
            async with asyncio.timeout(until_s - now()), asyncio.TaskGroup() as group:
                for fault in faults:
                    group.create_task(self._one(fault, now))
                await asyncio.sleep(until_s)
        except TimeoutError:
            pass
        finally:
            self.mend()

    def mend(self) -> None:
        """Undo what is still on."""
        for one in [one for one, count in self._active.items() if count]:
            self._active[one] = 1
            self._end(self._last[one])

    async def _one(self, fault: Fault, now: Callable[[], float]) -> None:
        await asyncio.sleep(max(0.0, fault.at_s - now()))
        if not self._levers.begin(fault):
            return
        self.made[fault.kind] += 1
        self.report(fault, True)
        if not fault.for_s:
            return
        one = fault.kind, fault.target
        self._active[one] += 1
        self._last[one] = fault
        await asyncio.sleep(fault.for_s)
        self._end(fault)

    def _end(self, fault: Fault) -> None:
        one = fault.kind, fault.target
        self._active[one] -= 1
        if not self._active[one]:
            self._levers.end(fault)
            self.report(fault, False)
