"""`make test-recovery-time`: injects each fault several times under steady traffic, and measures how long it takes
until the fault is detected and contained, until writes resume, until the backlog is drained, and until everything is as
before."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import uvloop

from deploy.announce import Announcer
from deploy.announce import Phase as Announced
from deploy.client.generator import Generator, Phase, Run
from deploy.client.open_loop import now
from deploy.client.outcome import ANSWERED
from deploy.client.plan import UNTIL_STOPPED_S, Plan, parse
from deploy.client.session import session
from deploy.load import recovery_page
from deploy.load.faults import Fault, break_for, chosen
from deploy.load.interrupts import reported
from deploy.load.looks import alerts_at, opened_at
from deploy.load.options import api_of, parser, variable, whole
from deploy.load.phases import Baseline, Recovery, baseline, contain_s, detect_s, drain_s, resume_s, steady_s
from deploy.load.progress import Progress, log
from deploy.load.summary import summarize, trusted
from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.stacks.running import running
from deploy.stacks.stack import Stack

FAULTS = "database-killed,database-frozen,queue-killed,third-party-failing"
PAGE = REPO / "docs" / "benchmarks" / "recovery.md"
_MIX = "reads=70,writes=20,external=10"
_PER_S = 200.0

_LOOK_S = 1.0
_FOLLOW_PER_S = 10.0


class _Lengths(NamedTuple):
    repeats: int
    fault_s: float
    #: The longest time for which a recovery is observed.
    patience_s: float
    #: Pause between a recovery and the next fault. A breaker that opens again within its window, 30 s, stays open for
    #: longer, so a repeat would measure the previous one too.
    rest_s: float
    #: Length of the baseline, whose worst ten seconds define "as before".
    before_s: float


_USUAL = _Lengths(5, 6.0, 60.0, 35.0, 61.0)
#: Shorter values for QUICK=1, to see that the command works.
_QUICK = _Lengths(2, 4.0, 40.0, 0.0, 21.0)


def main(arguments: Sequence[str]) -> int:
    """Measure, and return the exit code: 0: everything recovered every time, 1: something did not recover in time, 2:
    unknown."""
    made = parser("recovery", __doc__)
    usual = _QUICK if variable("QUICK") else _USUAL
    add = made.add_argument
    add("--faults", default=variable("FAULTS") or FAULTS, help="see deploy/load/faults.py")
    add("--repeats", default=variable("REPEATS") or usual.repeats, type=whole(1, 100))
    add("--rate", default=variable("RATE") or _PER_S, type=float, help="requests a second")
    add("--fault-s", default=variable("FAULT_S") or usual.fault_s, type=float, help="how long each lasts")
    add("--patience", default=usual.patience_s, type=float, help="seconds a recovery is watched at most")
    add("--rest", default=usual.rest_s, type=float, help="seconds between one recovery and the next fault")
    add("--before", default=usual.before_s, type=float, help="seconds of traffic before the first fault")
    add("--out", default=variable("OUT") or PAGE, type=Path, help="the page; its results of other faults are kept")
    options = made.parse_args(arguments)
    try:
        faults = chosen(options.faults)
    except ValueError as error:
        raise Problem(str(error)) from None
    with running() as stack:
        api = api_of(options.api or stack.url("api"))
        plan = Plan(api, options.rate, UNTIL_STOPPED_S, parse(_MIX), follow_per_s=_FOLLOW_PER_S)
        about_s = options.before + options.repeats * len(faults) * (options.fault_s + 25 + options.rest)
        log(f"{options.repeats} times each: {options.faults}; about {about_s / 60:.0f} minutes")
        drill = _Drill(
            stack, _Lengths(options.repeats, options.fault_s, options.patience, options.rest, options.before)
        )
        run, results = uvloop.run(drill.all(plan, faults))
    reasons = trusted(summarize(run))
    text = recovery_page.write(options.out, results, reasons, plan, options.fault_s, options.rest)
    return recovery_page.conclude(text, results, reasons)


class _Drill:
    def __init__(self, stack: Stack, lengths: _Lengths) -> None:
        self._stack = stack
        self._lengths = lengths
        self._announcer = Announcer.to(stack)
        self._prometheus = _prometheus(stack)

    async def all(self, plan: Plan, faults: Sequence[Fault]) -> tuple[Run, Mapping[str, Sequence[Recovery]]]:
        """Inject every fault `repeats` times, one after the other, under the same traffic. Return what was measured,
        even if it ends early."""
        results: dict[str, list[Recovery]] = {}
        async with session(plan) as generator, asyncio.TaskGroup() as group:
            going = group.create_task(generator.go(Progress()))
            drill = group.create_task(self._each(generator, faults, results))
            with reported(generator, drill.cancel):
                run = await going
        return run, results

    async def _each(self, generator: Generator, faults: Sequence[Fault], results: dict[str, list[Recovery]]) -> None:
        repeats = self._lengths.repeats
        generator.run.begin_phase("before")
        await asyncio.sleep(self._lengths.before_s)
        before = baseline(list(generator.run.samples))
        for fault in faults:
            for number in range(1, repeats + 1):
                if results:
                    await asyncio.sleep(self._lengths.rest_s)
                one = await self._once(generator, fault, before)
                results.setdefault(fault.name, []).append(one)
                log(f"{fault.name} {number}/{repeats}: {recovery_page.line(one)}")
                self._announce(fault, one)
        generator.stop()

    async def _once(self, generator: Generator, fault: Fault, before: Baseline) -> Recovery:
        run, polling, mark = generator.run, generator.polling, len(generator.run.samples)
        hold_s = max(self._lengths.fault_s, fault.least_s)
        phase, back_at = await break_for(run, self._stack, fault, hold_s, self._announcer)
        opened = await opened_at(polling, fault.breaker)
        alerted: list[float] = []
        end = now() + self._lengths.patience_s
        while True:
            await asyncio.sleep(_LOOK_S)
            alerted += await alerts_at(self._prometheus)
            # In a thread, so that counting does not delay the generator.
            seen = await asyncio.to_thread(_seen, generator, mark, fault, phase, back_at, before)
            if recovery_page.recovered(seen) or now() > end:
                break
        alert = min((at - phase.begin for at in alerted if at >= phase.begin), default=None)
        opened += await opened_at(polling, fault.breaker)
        detect = detect_s(opened, phase.begin, phase.end)
        return Recovery(**seen.as_json() | {"detect": detect, "alert": alert, "start": back_at - phase.end})

    def _announce(self, fault: Fault, one: Recovery) -> None:
        phases: dict[Announced, float | None] = {
            "detect": one.detect,
            "contain": one.contain,
            "resume": one.resume,
            "drain": one.drain,
            "steady": one.steady,
        }
        self._announcer.recovered(fault.name, phases, "passed" if recovery_page.recovered(one) else "failed")


def _prometheus(stack: Stack) -> str:
    """Return the URL of Prometheus: PROMETHEUS if set, else the stack's, or an empty text if it cannot be reached."""
    try:
        return variable("PROMETHEUS") or stack.url("prometheus")
    except Problem:
        return ""


def _seen(generator: Generator, mark: int, fault: Fault, phase: Phase, back_at: float, before: Baseline) -> Recovery:
    """Return what the responses since number `mark` show."""
    samples = [sample for sample in generator.run.samples.since(mark) if sample.intended >= phase.begin]
    writes = [write for write in generator.follower.writes if write.intended >= phase.begin]
    until = now() - 1.0  # requests of the last second may still be in flight
    during = [sample for sample in samples if sample.intended < phase.end]
    answered = sum(sample.outcome in ANSWERED for sample in during)
    fresh = [write for write in writes if write.ended_at is not None or write.intended < until]
    return Recovery(
        contain=contain_s(samples, phase.begin, phase.end),
        resume=resume_s(samples, writes, back_at, third_party=fault.target == "third_party"),
        drain=drain_s(fresh, back_at),
        steady=steady_s(samples, back_at, until, before),
        answered=100 * answered / len(during) if during else None,
        delay=sum(write.took_s or 0.0 for write in writes),
    )
