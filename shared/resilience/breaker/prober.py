"""Prober: asks a dependency whether it is back while one of its breakers is not closed.

It asks as often after an hour as after a second, so an outage ends soon after the dependency answers, and callers are
refused at once instead of being probes. What does not answer costs the dependency nothing. One that answers a question
and refuses a write is asked less often: that has a price, and waits for a person or a switch-over.

A dependency that bills its calls has no prober. Its breaker lets calls through as probes.
"""

import asyncio
import random as randoms
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, Never

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.runtime.time_budgets import PROBE_EVERY_S, PROBE_REFUSED_EVERY_S

Ask = Callable[[], Awaitable[object]]


class Probe(NamedTuple):
    """How to find out whether a breaker may close. Both raise what its calls raise."""

    breaker: Breaker
    #: A round trip that costs next to nothing.
    ask: Ask
    #: A write, where only a write shows that writes work.
    write: Ask | None = None
    #: The errors that say that it is still away. Any other is a bug, and ends the prober's loop.
    away: tuple[type[Exception], ...] = AWAY


class Prober:
    """The prober of one dependency. Of several probes, a later one is made only while the breakers of the earlier ones
    are closed."""

    def __init__(self, *probes: Probe, random: Callable[[float, float], float] = randoms.uniform) -> None:
        self._probes = probes
        self._random = random
        self._reporters = [FailureReporter(f"{probe.breaker.name}_probe") for probe in probes]

    async def run(self) -> Never:
        """For ever. One probe at a time."""
        while True:
            pause_s = await self.turn()
            await asyncio.sleep(pause_s)

    async def turn(self) -> float:
        """Make the probe that is due, if one is; the pause until the next turn, in seconds."""
        for probe, reporter in zip(self._probes, self._reporters, strict=True):
            if probe.breaker.undisturbed or probe.breaker.state is State.CLOSED:
                reporter.worked()
                continue
            answered = asyncio.Event()
            try:
                await probe.breaker.probe(partial(_both, probe, answered))
            except CallRefused:
                return self._pause_s(PROBE_EVERY_S)
            except probe.away as error:
                reporter.failed(error)
                return self._pause_s(PROBE_REFUSED_EVERY_S if answered.is_set() else PROBE_EVERY_S)
        return self._pause_s(PROBE_EVERY_S)

    def _pause_s(self, most_s: float) -> float:
        return self._random(most_s / 2, most_s)


async def _both(probe: Probe, answered: asyncio.Event) -> None:
    await probe.ask()
    if probe.write:
        answered.set()
        await probe.write()
