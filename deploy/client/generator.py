"""The generator: sends traffic to one api for a while, and records everything that came back."""

import asyncio
import random
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from deploy.client.connections import Connections, Response
from deploy.client.follow import Followed, Follower
from deploy.client.open_loop import OpenLoop, constant, now, poisson
from deploy.client.outcome import Outcome, classify
from deploy.client.plan import Kind, Plan
from deploy.client.requests import Request, Requests
from deploy.client.samples import Samples

_TICK_S = 1.0
_NOT_ENDED = float("inf")


@dataclass(slots=True)
class Phase:
    """A part of the run that is reported separately, in Unix seconds. `fault`: what was broken then."""

    name: str
    begin: float
    end: float = _NOT_ENDED
    fault: str = ""


@dataclass(slots=True)
class Run:
    """Everything that was recorded."""

    plan: Plan
    samples: Samples = field(default_factory=Samples)
    loop: OpenLoop = field(default_factory=lambda: OpenLoop(()))
    followed: list[Followed] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    #: Cores that the generator used.
    cpu: float = 0.0
    #: Whether the run was ended before its time.
    interrupted: bool = False
    #: Time of the last response, in Unix seconds.
    ended: float = 0.0

    @property
    def began(self) -> float:
        """The start, in Unix seconds."""
        return self.loop.began

    def begin_phase(self, name: str, fault: str = "") -> Phase:
        """End the current phase, and begin another one."""
        if self.phases:
            self.phases[-1].end = now()
        phase = Phase(name, now(), fault=fault)
        self.phases.append(phase)
        return phase


class Observer(Protocol):
    """Observes the responses of a run as they come."""

    def completed(self, intended: float, request: Request, response: Response, outcome: Outcome) -> None:
        """Note one completed request of the run."""


class Generator:
    """Generates one run. `run` is filled while the run lasts, and may be read meanwhile. `polling`: connections apart
    from the load."""

    def __init__(
        self, plan: Plan, requests: Requests, connections: Connections, polling: Connections, *observers: Observer
    ) -> None:
        self.run = Run(plan)
        self.polling = polling
        self.follower = Follower(polling, plan.follow_per_s)
        self._observers = [self.follower, *observers]
        self._requests = requests
        self._connections = connections
        self._stopped = False
        draw = random.Random(plan.seed)  # noqa: S311 - no secret
        self._kinds = draw.choices(list(plan.mix), weights=list(plan.mix.values()), k=8192)

    async def go(self, tick: Callable[[Run], None] = lambda _: None) -> Run:
        """Run until the last response is in and the followed writes have ended. `tick` is called every second."""
        plan, run = self.run.plan, self.run
        run.loop = OpenLoop(self._arrivals(), plan.in_flight_max)
        ticking = asyncio.get_running_loop().create_task(self._tick(tick))
        cpu_s, began = _cpu_s(), time.monotonic()
        try:
            await run.loop.run(self._send)
            run.cpu = (_cpu_s() - cpu_s) / (time.monotonic() - began)
            run.ended = now()
            await self.follower.finish()
        finally:
            ticking.cancel()
            run.followed = self.follower.writes
            self._connections.close()
            self.polling.close()
        return run

    def stop(self) -> None:
        """Send no more requests. Any thread may call it."""
        self._stopped = True

    def _arrivals(self) -> Iterable[float]:
        plan = self.run.plan
        rate = (plan.per_s, plan.duration_s)
        for after_s in poisson(*rate, plan.seed) if plan.poisson else constant(*rate):
            if self._stopped:
                return
            yield after_s

    async def _send(self, number: int, intended: float) -> None:
        kind: Kind = self._kinds[number % len(self._kinds)]
        request = self._requests.request(kind, number)
        method, path, headers, body, _ = request
        response = await self._connections.request(method, path, headers, body)
        latency_s = now() - intended
        outcome, code = classify(response, write=kind.write)
        self.run.samples.add(intended, latency_s, kind, outcome, code)
        for observer in self._observers:
            observer.completed(intended, request, response, outcome)

    async def _tick(self, tick: Callable[[Run], None]) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            tick(self.run)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
