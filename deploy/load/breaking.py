"""Breaking: a fault that comes and goes while there is load, told to the run and to dlq_admin."""

import asyncio

from deploy.announce import Announcer
from deploy.load.faults import Fault
from deploy.load.run import Phase, Run
from deploy.load.schedule import now
from deploy.load.stacks import Stack

FOR_EVER = float("inf")


def next_phase(run: Run, name: str, fault: str = "") -> Phase:
    """From now on; the one before is over."""
    if run.phases:
        run.phases[-1].end = now()
    phase = Phase(name, now(), FOR_EVER, fault)
    run.phases.append(phase)
    return phase


async def break_for(run: Run, stack: Stack, fault: Fault, hold_s: float, announcer: Announcer) -> Phase:
    """Break it, hold it, begin to mend it: there the phase ends; comes back when it is ready again."""
    announced = await asyncio.to_thread(announcer.begin, fault.name, fault.target)
    try:
        phase = next_phase(run, f"fault:{fault.name}", fault.name)
        await asyncio.to_thread(stack.begin, fault)
        await asyncio.sleep(hold_s)
        next_phase(run, f"recovery:{fault.name}")
        await asyncio.to_thread(stack.end, fault)
    finally:
        await asyncio.to_thread(announced.end)
    return phase
