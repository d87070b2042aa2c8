"""`make load-test-with-failures`: the same traffic while the database, the queue and the third party come and go: what
clients felt before, during and after each."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import uvloop

from deploy.announce import Announcer
from deploy.load.breaking import break_for, next_phase
from deploy.load.faults import Fault, chosen
from deploy.load.options import parser, plan_of, run_options, said
from deploy.load.plan import Plan
from deploy.load.progress import Progress, say
from deploy.load.run import Run
from deploy.load.schedule import now
from deploy.load.session import session
from deploy.load.stacks import Stack, running
from deploy.load.steady import conclude
from deploy.local.problem import Problem

FAULTS = "database-stopped,queue-stopped,third-party-failing"
TARGETS = "fault.answered>=95,failed<=1,indeterminate<=1,max<=6000,after.good>=99,not_over<=0"
_BEFORE_S, _RECOVERY_S, _AFTER_S = 10.0, 20.0, 10.0


def main(arguments: Sequence[str]) -> int:
    """Exit code 0: passed, 1: failed, 2: unknown."""
    made = parser("with-failures", __doc__)
    run_options(made, Plan(""), TARGETS)
    made.add_argument("--faults", default=said("FAULTS") or FAULTS, help="in this order; see deploy/load/faults.py")
    made.add_argument("--fault-s", type=float, default=float(said("FAULT_S") or 10), help="how long each lasts")
    made.set_defaults(duration=0.0)
    told = made.parse_args(arguments)
    try:
        faults = chosen(told.faults)
    except ValueError as error:
        raise Problem(str(error)) from None
    spare_s = told.duration - _BEFORE_S - _AFTER_S - len(faults) * told.fault_s
    recovery_s = spare_s / len(faults) if told.duration else _RECOVERY_S
    if recovery_s < 1:
        raise Problem(f"DURATION={told.duration:g} is too short for {len(faults)} faults of {told.fault_s:g} s")
    with running() as stack:
        told.api = told.api or stack.api
        plan, targets = plan_of(told)
        length_s = _BEFORE_S + _AFTER_S + len(faults) * (told.fault_s + recovery_s)
        say(f"{plan.per_s:g} requests/s to {plan.api} for {length_s:.0f} s, while {told.faults} come and go")
        plan = replace(plan, duration_s=length_s * 2)  # ended by us, when the last fault is over
        run = uvloop.run(_run(plan, stack, faults, told.fault_s, recovery_s))
    return conclude(run, targets, "Load test with failures")


async def _run(plan: Plan, stack: Stack, faults: Sequence[Fault], hold_s: float, recovery_s: float) -> Run:
    announcer = Announcer.of_this_clone()
    async with session(plan) as generator, asyncio.TaskGroup() as group:
        going = group.create_task(generator.go(Progress()))
        next_phase(generator.run, "before")
        await asyncio.sleep(_BEFORE_S)
        for fault in faults:
            await break_for(generator.run, stack, fault, hold_s, announcer)
            await asyncio.sleep(recovery_s)
        next_phase(generator.run, "after")
        await asyncio.sleep(_AFTER_S)
        generator.run.phases[-1].end = now()
        generator.stop()
        run = await going
    run.plan = replace(plan, duration_s=run.phases[-1].end - run.began)
    return run
