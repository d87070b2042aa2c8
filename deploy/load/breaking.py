"""Breaking: a fault that comes and goes while there is load, as phases of the run, and announced to dlq_admin."""

import asyncio

from deploy.announce import Announcer
from deploy.client.generator import Phase, Run
from deploy.load.faults import Fault
from deploy.stacks.stack import Stack


async def break_for(run: Run, stack: Stack, fault: Fault, hold_s: float, announcer: Announcer) -> Phase:
    """Break it, hold it, begin to mend it, which ends the returned phase; returns when it is ready again."""
    announced = await asyncio.to_thread(announcer.begin, fault.name, fault.target)
    try:
        phase = run.begin_phase(f"fault:{fault.name}", fault.name)
        await asyncio.to_thread(stack.begin, fault.fault)
        await asyncio.sleep(hold_s)
        run.begin_phase(f"recovery:{fault.name}")
        await asyncio.to_thread(stack.end, fault.fault)
    finally:
        await asyncio.to_thread(announced.end)
    return phase
