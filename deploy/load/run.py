"""Run: traffic to one api for a while, and everything that was seen of it."""

import asyncio
import random
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from deploy.load.follow import Followed, Follower
from deploy.load.mix import Kind
from deploy.load.outcome import ANSWERED, classify
from deploy.load.plan import Plan
from deploy.load.samples import Samples
from deploy.load.schedule import OpenLoop, constant, now, poisson
from deploy.load.traffic import Traffic
from deploy.load.wire import Connections

_TICK_S = 1.0


@dataclass(slots=True)
class Phase:
    """A part of the run that is looked at by itself; Unix seconds. `fault`: something was broken then."""

    name: str
    begin: float
    end: float
    fault: str = ""


@dataclass(slots=True)
class Run:
    """Everything that was seen."""

    plan: Plan
    samples: Samples = field(default_factory=Samples)
    loop: OpenLoop = field(default_factory=lambda: OpenLoop(()))
    followed: list[Followed] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    #: Cores that the generator used.
    cpu: float = 0.0
    #: Unix seconds: when the last answer was in.
    ended: float = 0.0

    @property
    def began(self) -> float:
        """Unix seconds."""
        return self.loop.began


class Generator:
    """One run; `run` is filled while it lasts, so that others can look."""

    def __init__(self, plan: Plan, traffic: Traffic, connections: Connections, asking: Connections) -> None:
        self.run = Run(plan)
        self.follower = Follower(asking, plan.follow_per_s)
        self._traffic = traffic
        self._connections = connections
        self._stopped = False
        draw = random.Random(plan.seed)  # noqa: S311 - no secret
        self._kinds = draw.choices(list(plan.mix), weights=list(plan.mix.values()), k=8192)

    async def go(self, tick: Callable[[Run], None] = lambda _: None) -> Run:
        """Until the last answer is in and the followed writes are over; `tick` is called every second."""
        plan, run = self.run.plan, self.run
        run.loop = OpenLoop(self._arrivals(), plan.in_flight_max)
        ticking = asyncio.get_running_loop().create_task(self._tick(tick))
        cpu_s, began = _cpu_s(), time.monotonic()
        try:
            await run.loop.run(self._send)
            run.cpu = (_cpu_s() - cpu_s) / (time.monotonic() - began)
            run.ended = now()
            await self.follower.rest()
        finally:
            ticking.cancel()
            run.followed = self.follower.writes
            self._connections.close()
            self.follower.connections.close()
        return run

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    def _arrivals(self) -> Iterable[float]:
        plan = self.run.plan
        all_of_them = poisson(plan.per_s, plan.duration_s, plan.seed) if plan.poisson else constant(
            plan.per_s, plan.duration_s
        )  # fmt: skip
        for after_s in all_of_them:
            if self._stopped:
                return
            yield after_s

    async def _send(self, number: int, intended: float) -> None:
        kind: Kind = self._kinds[number % len(self._kinds)]
        request = self._traffic.request(kind, number)
        answer = await self._connections.request(*request)
        latency_s = now() - intended
        outcome, code = classify(answer, write=kind.write)
        self.run.samples.add(intended, latency_s, kind, outcome, code)
        if kind.write and outcome in ANSWERED:
            self.follower.accepted(intended, answer.status, answer.body)

    async def _tick(self, tick: Callable[[Run], None]) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            tick(self.run)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
