"""Faults: what can be broken under load, by name; and one fault that comes and goes, as phases of the run."""

import asyncio
from dataclasses import dataclass

from deploy.announce import Announcer, Target
from deploy.client.generator import Phase, Run
from deploy.load.answers import answers_at
from deploy.stacks import faults
from deploy.stacks.faults import Behave, Freeze, Kill, Stop
from deploy.stacks.stack import Stack


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault. `name`: as dashboards show it; `breaker`: the beginning or end of the name of a breaker that should
    open."""

    name: str
    what: str
    target: Target
    fault: faults.Fault
    breaker: str
    #: Seconds that a breaker needs to see the fault if it judges by the share of failures in its window.
    least_s: float = 0.0


FAULTS = {
    each.name: each
    for each in (
        Fault("database-stopped", "the database is stopped in good order", "database", Stop("database"), "database"),
        Fault("database-killed", "the database is ended with kill -9", "database", Kill("database"), "database"),
        Fault(
            "database-frozen", "the database keeps its connections, silent", "database", Freeze("database"),
            "database",
        ),
        Fault("queue-stopped", "the queue's Redis is stopped in good order", "queue", Stop("queue"), "queue"),
        Fault("queue-killed", "the queue's Redis is ended with kill -9", "queue", Kill("queue"), "queue"),
        Fault("queue-frozen", "the queue's Redis keeps its connections, silent", "queue", Freeze("queue"), "queue"),
        Fault("cache-killed", "the cache's Redis is ended with kill -9", "cache", Kill("cache"), "cache"),
        Fault(
            "third-party-failing", "the third party answers every call with 503", "third_party",
            Behave({"fault": "fail", "status": 503}), " read", least_s=20.0,
        ),
        Fault(
            "third-party-hanging", "the third party never responds", "third_party", Behave({"fault": "hang"}), " read"
        ),
    )
}  # fmt: skip


def chosen(text: str) -> list[Fault]:
    """Return the faults of `database-killed,queue-killed`. Raises ValueError with the known names."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in FAULTS]
    if unknown or not names:
        raise ValueError(f"FAULTS={text}: {', '.join(unknown) or 'nothing'} is unknown; there are {', '.join(FAULTS)}")
    return [FAULTS[name] for name in names]


async def break_for(run: Run, stack: Stack, fault: Fault, hold_s: float, announcer: Announcer) -> tuple[Phase, float]:
    """Break it, hold it, and begin to mend it, which ends the returned phase. Return when it is ready again, with the
    Unix second at which it answered a client of its own."""
    announced = await asyncio.to_thread(announcer.begin, fault.name, fault.target)
    try:
        phase = run.begin_phase(f"fault:{fault.name}", fault.name)
        await asyncio.to_thread(stack.begin, fault.fault)
        await asyncio.sleep(hold_s)
        run.begin_phase(f"recovery:{fault.name}")
        mending = asyncio.to_thread(stack.end, fault.fault)
        _, answered_at = await asyncio.gather(mending, answers_at(stack, fault.target))
    finally:
        await asyncio.to_thread(announced.end)
    return phase, answered_at
