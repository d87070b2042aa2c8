"""The nemesis makes every fault of a plan, undoes it, and leaves nothing behind."""

import asyncio
from collections import Counter

from tests.simulation.draw import draw
from tests.simulation.nemesis import Nemesis
from tests.simulation.plan import Fault
from tests.simulation.sometimes import SOMETIMES, Census

_SPEED = 2000.0


class _Levers:
    """Levers that record which faults are active."""

    def __init__(self) -> None:
        self.on: Counter[tuple[str, str]] = Counter()
        self.log: list[tuple[str, bool]] = []

    def begin(self, fault: Fault) -> bool:
        """Switch the fault on, and return False if its target does not exist."""
        if fault.target == "nowhere":
            return False
        self.log.append((fault.kind, True))
        if fault.for_s:
            self.on[fault.kind, fault.target] += 1
        return True

    def end(self, fault: Fault) -> None:
        """Switch the fault off, however often it was switched on."""
        self.log.append((fault.kind, False))
        assert self.on.pop((fault.kind, fault.target))


def _raged(faults: tuple[Fault, ...], until_s: float) -> tuple[_Levers, Nemesis]:
    levers = _Levers()
    nemesis = Nemesis(levers, lambda fault, begins: None)

    async def rage() -> None:
        began = asyncio.get_running_loop().time()
        await nemesis.rage(faults, lambda: asyncio.get_running_loop().time() - began, until_s)

    asyncio.run(rage())
    return levers, nemesis


def test_everything_is_mended() -> None:
    """At the end of a run all faults are mended, including those that would have lasted longer, and later faults are
    not made."""
    for seed in range(8):
        plan = draw(seed)
        faults = tuple(Fault(f.at_s / _SPEED, f.kind, f.target, f.for_s / _SPEED) for f in plan.faults)
        levers, nemesis = _raged((*faults, Fault(100, "too late", "queue")), plan.load_s / _SPEED)
        assert not levers.on
        assert "too late" not in nemesis.made


def test_overlapping_faults_end_once() -> None:
    """Overlapping faults of one target end together when the last of them is over; a fault without a target is not
    counted."""
    faults = (Fault(0.0, "hang", "a>b", 0.02), Fault(0.01, "hang", "a>b", 5.0), Fault(0.0, "hang", "nowhere", 0.01))
    levers, nemesis = _raged(faults, 0.05)
    assert levers.log == [("hang", True), ("hang", True), ("hang", False)]
    assert nemesis.made == {"hang": 2}


def test_the_census_names_what_never_happened() -> None:
    """The census names each wanted event of which no count was seen; a metric with more labels than are wanted
    counts."""
    census = Census()
    assert census.never == [one.name for one in SOMETIMES]
    for one in SOMETIMES:
        census.add({one.seen[-1]: 2})
    assert census.never == []
    more = Census()
    more.add({"metric:holdfast_breaker_transitions_total database open": 1, "metric:holdfast_outcomes_total Dead": 1})
    assert {one.name for one in SOMETIMES} - set(more.never) == {"a breaker opened", "a write died"}
