"""`make load-test-with-failures`: sends the same traffic while the database, the queue and the third party fail and
return, and reports what clients felt before, during and after each fault."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import uvloop

from deploy.announce import Announcer
from deploy.client.generator import Generator, Run
from deploy.client.open_loop import now
from deploy.client.plan import UNTIL_STOPPED_S, Plan
from deploy.client.session import session
from deploy.load.faults import Fault, break_for, chosen
from deploy.load.interrupts import reported
from deploy.load.options import parser, plan_of, run_options, variable
from deploy.load.progress import Progress, log
from deploy.load.steady import conclude
from deploy.local.output import Problem
from deploy.stacks.running import running
from deploy.stacks.stack import Stack

FAULTS = "database-stopped,queue-stopped,third-party-failing"
TARGETS = "fault.answered>=95,failed<=1,indeterminate<=1,unanswered<=1,max<=6000,after.good>=99,not_over<=0"
_BEFORE_S, _RECOVERY_S, _AFTER_S = 10.0, 20.0, 10.0


def main(arguments: Sequence[str]) -> int:
    """Run, and return the exit code: 0: passed, 1: failed, 2: unknown."""
    made = parser("with-failures", __doc__)
    run_options(made, Plan(""), TARGETS)
    made.add_argument(
        "--faults",
        default=variable("FAULTS") or FAULTS,
        help="faults to cause, in this order; see deploy/load/faults.py",
    )
    made.add_argument(
        "--fault-s", type=float, default=float(variable("FAULT_S") or 10), help="duration of each fault, in seconds"
    )
    made.set_defaults(duration=0.0)
    options = made.parse_args(arguments)
    try:
        faults = chosen(options.faults)
    except ValueError as error:
        raise Problem(str(error)) from None
    spare_s = options.duration - _BEFORE_S - _AFTER_S - len(faults) * options.fault_s
    recovery_s = spare_s / len(faults) if options.duration else _RECOVERY_S
    if recovery_s < 1:
        raise Problem(f"DURATION={options.duration:g} is too short for {len(faults)} faults of {options.fault_s:g} s")
    with running() as stack:
        options.api = options.api or stack.url("api")
        plan, targets = plan_of(options)
        length_s = _BEFORE_S + _AFTER_S + len(faults) * (options.fault_s + recovery_s)
        log(f"{plan.per_s:g} requests/s to {plan.api} for {length_s:.0f} s, while {options.faults} come and go")
        plan = replace(plan, duration_s=UNTIL_STOPPED_S)  # when the last fault is over
        run = uvloop.run(_run(plan, stack, faults, options.fault_s, recovery_s))
    return conclude(run, targets, "Load test with failures")


async def _run(plan: Plan, stack: Stack, faults: Sequence[Fault], hold_s: float, recovery_s: float) -> Run:
    async with session(plan) as generator, asyncio.TaskGroup() as group:
        going = group.create_task(generator.go(Progress()))
        breaking = group.create_task(_break(generator, stack, faults, hold_s, recovery_s))
        with reported(generator, breaking.cancel):
            run = await going
    run.plan = replace(plan, duration_s=run.phases[-1].end - run.began)
    return run


async def _break(generator: Generator, stack: Stack, faults: Sequence[Fault], hold_s: float, recovery_s: float) -> None:
    announcer = Announcer.to(stack)
    generator.run.begin_phase("before")
    await asyncio.sleep(_BEFORE_S)
    for fault in faults:
        await break_for(generator.run, stack, fault, hold_s, announcer)
        await asyncio.sleep(recovery_s)
    generator.run.begin_phase("after")
    await asyncio.sleep(_AFTER_S)
    generator.run.phases[-1].end = now()
    generator.stop()
