"""Nemesis: begins and ends the faults of a plan at their times, and mends everything at the end. How a fault is
injected is up to a lever (tests/simulation/levers.py). Faults of one kind may overlap on a target, which is healthy
again when the last of them ends."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Protocol

from tests.simulation.plan import Fault


class Levers(Protocol):
    """Injects faults."""

    def begin(self, fault: Fault) -> bool:
        """Inject the fault. Return False if its target does not exist."""

    def end(self, fault: Fault) -> None:
        """Undo the fault."""


class Nemesis:
    """Runs the faults of a plan. `report` is called with each fault as it begins (True) and ends (False)."""

    def __init__(self, levers: Levers, report: Callable[[Fault, bool], None]) -> None:
        self._levers = levers
        self.report = report
        self._active: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, str], Fault] = {}
        #: Number of injected faults, by kind.
        self.made: Counter[str] = Counter()

    async def rage(self, faults: Iterable[Fault], now: Callable[[], float], until_s: float) -> None:
        """Run the faults until the end of the load, then mend everything, including faults that would have lasted
        longer."""
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
        """Undo all faults that have not ended."""
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
