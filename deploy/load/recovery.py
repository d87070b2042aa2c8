"""`make test-recovery-time`: each fault several times under steady traffic: how long until it is noticed, contained,
over, caught up with, and forgotten."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import uvloop

from deploy.announce import Announcer
from deploy.announce import Phase as Told
from deploy.load import recovery_page
from deploy.load.breaking import break_for, next_phase
from deploy.load.faults import Fault, chosen
from deploy.load.looks import alerts_at, opened_at
from deploy.load.mix import parse
from deploy.load.options import api_of, parser, said, whole
from deploy.load.phases import Baseline, Recovery, baseline, contain_s, detect_s, drain_s, resume_s, steady_s
from deploy.load.plan import Plan
from deploy.load.progress import Progress, say
from deploy.load.run import Generator, Phase, Run
from deploy.load.schedule import now
from deploy.load.session import session
from deploy.load.stacks import Stack, running
from deploy.load.summary import summarize, trusted
from deploy.local.places import REPO
from deploy.local.problem import Problem

FAULTS = "database-killed,database-frozen,queue-killed,third-party-failing"
PAGE = REPO / "docs" / "benchmarks" / "recovery.md"
_MIX = "reads=70,writes=20,external=10"
_PER_S = 200.0

_LOOK_S = 1.0
_FOLLOW_PER_S = 10.0
#: Longer than all of it.
_FOR_EVER_S = 86_000.0


class _Lengths(NamedTuple):
    repeats: int
    fault_s: float
    #: How long each recovery is watched at most.
    patience_s: float
    #: Between one recovery and the next fault. A breaker that opens again before it has been well for its window, 30 s,
    #: stays open for longer: a repeat would measure the one before it too.
    rest_s: float
    #: Of which the worst ten seconds are what "as before" means.
    before_s: float


_USUAL = _Lengths(5, 6.0, 60.0, 35.0, 61.0)
#: For a look at whether it works; QUICK=1.
_QUICK = _Lengths(2, 4.0, 40.0, 0.0, 21.0)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: everything recovered every time, 1: something did not while we looked, 2: unknown."""
    made = parser("recovery", __doc__)
    usual = _QUICK if said("QUICK") else _USUAL
    add = made.add_argument
    add("--faults", default=said("FAULTS") or FAULTS, help="see deploy/load/faults.py")
    add("--repeats", default=said("REPEATS") or usual.repeats, type=whole(1, 100))
    add("--rate", default=said("RATE") or _PER_S, type=float, help="requests a second")
    add("--fault-s", default=said("FAULT_S") or usual.fault_s, type=float, help="how long each lasts")
    add("--patience", default=usual.patience_s, type=float, help="seconds a recovery is watched at most")
    add("--rest", default=usual.rest_s, type=float, help="seconds between one recovery and the next fault")
    add("--before", default=usual.before_s, type=float, help="seconds of traffic before the first fault")
    add("--out", default=said("OUT") or PAGE, type=Path, help="the page; what it has of other faults stays in it")
    told = made.parse_args(arguments)
    try:
        faults = chosen(told.faults)
    except ValueError as error:
        raise Problem(str(error)) from None
    with running() as stack:
        plan = Plan(
            api_of(told.api or stack.api), told.rate, _FOR_EVER_S, parse(_MIX), follow_per_s=_FOLLOW_PER_S
        )  # fmt: skip
        about_s = told.before + told.repeats * len(faults) * (told.fault_s + 25 + told.rest)
        say(f"{told.repeats} times each: {told.faults}; about {about_s / 60:.0f} minutes")
        drill = _Drill(stack, _Lengths(told.repeats, told.fault_s, told.patience, told.rest, told.before))
        run, results = uvloop.run(drill.all(plan, faults))
    reasons = trusted(summarize(run))
    text = recovery_page.write(told.out, results, reasons, plan, told.fault_s, told.rest)
    return recovery_page.conclude(text, results, reasons)


class _Drill:
    def __init__(self, stack: Stack, lengths: _Lengths) -> None:
        self._stack = stack
        self._lengths = lengths
        self._announcer = Announcer.of_this_clone()

    async def all(self, plan: Plan, faults: Sequence[Fault]) -> tuple[Run, Mapping[str, Sequence[Recovery]]]:
        """Every fault as often as told, one after the other, under the same traffic."""
        repeats = self._lengths.repeats
        results: dict[str, list[Recovery]] = {fault.name: [] for fault in faults}
        async with session(plan) as generator, asyncio.TaskGroup() as group:
            going = group.create_task(generator.go(Progress()))
            next_phase(generator.run, "before")
            await asyncio.sleep(self._lengths.before_s)
            before = baseline(list(generator.run.samples))
            for fault in faults:
                for number in range(1, repeats + 1):
                    if any(results.values()):
                        await asyncio.sleep(self._lengths.rest_s)
                    one = await self._once(generator, fault, before)
                    results[fault.name].append(one)
                    say(f"{fault.name} {number}/{repeats}: {recovery_page.line(one)}")
                    self._tell(fault, one)
            generator.stop()
            run = await going
        return run, results

    async def _once(self, generator: Generator, fault: Fault, before: Baseline) -> Recovery:
        run, asking, mark = generator.run, generator.follower.connections, len(generator.run.samples)
        phase = await break_for(
            run, self._stack, fault, max(self._lengths.fault_s, fault.least_s), self._announcer
        )  # fmt: skip
        opened = await opened_at(asking, fault.breaker)
        alerted: list[float] = []
        end = now() + self._lengths.patience_s
        while True:
            await asyncio.sleep(_LOOK_S)
            alerted += await alerts_at(self._stack.prometheus)
            # Beside the generator: it must not be late because we count.
            seen = await asyncio.to_thread(_seen, generator, mark, fault, phase, before)
            if recovery_page.recovered(seen) or now() > end:
                break
        alert = min((at - phase.begin for at in alerted if at >= phase.begin), default=None)
        opened += await opened_at(asking, fault.breaker)
        return Recovery(**seen.told() | {"detect": detect_s(opened, phase.begin, phase.end), "alert": alert})

    def _tell(self, fault: Fault, one: Recovery) -> None:
        phases: dict[Told, float | None] = {
            "detect": one.detect, "contain": one.contain, "resume": one.resume, "drain": one.drain, "steady": one.steady
        }  # fmt: skip
        self._announcer.recovered(fault.name, phases, "passed" if recovery_page.recovered(one) else "failed")


def _seen(generator: Generator, mark: int, fault: Fault, phase: Phase, before: Baseline) -> Recovery:
    """From the answers that came since number `mark`."""
    samples = [sample for sample in generator.run.samples.since(mark) if sample.intended >= phase.begin]
    writes = [write for write in generator.follower.writes if write.intended >= phase.begin]
    until = now() - 1.0  # what left in the last second may still be under way
    during = [sample for sample in samples if sample.intended < phase.end]
    honest = sum(sample.outcome.name in ("GOOD", "DEGRADED") for sample in during)
    fresh = [write for write in writes if write.ended_at is not None or write.intended < until]
    return Recovery(
        contain=contain_s(samples, phase.begin, phase.end),
        resume=resume_s(samples, writes, phase.end, third_party=fault.target == "third_party"),
        drain=drain_s(fresh, phase.end),
        steady=steady_s(samples, phase.end, until, before),
        answered=100 * honest / len(during) if during else None,
        delay=sum(write.took_s or 0.0 for write in writes),
    )
