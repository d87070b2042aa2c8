"""Prober: asks a dependency whether it is back while one of its breakers is not closed.

It asks as often after an hour as after a second, so the breaker closes soon after the dependency answers, and callers
are refused at once instead of serving as probes. A dependency that does not answer bears no cost from probes. A
dependency that answers with refusals does pay for each probe, and only a person or a switch-over ends the refusals; so
it is probed less often the longer they last.

A dependency that bills its calls has no prober. Its breaker lets calls through as probes.
"""

import asyncio
import random as randoms
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Never

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter, text_of
from holdfast.shared.runtime.time_budgets import PROBE_EVERY_S, PROBE_REFUSED_EVERY_S, PROBE_REFUSED_MAX_S

Ask = Callable[[], Awaitable[object]]

#: The factor by which each refusal lengthens the pause. The pause is then about a tenth of the refusals' duration.
_GROWTH = 1.1


class Probe(NamedTuple):
    """A way to find out whether a breaker may close."""

    breaker: Breaker
    #: Uses the dependency as the breaker's calls do, as cheaply as possible. Raises the same errors as the calls.
    ask: Ask
    #: The errors that mean that the dependency is still away. Any other error is a bug, and ends the prober's loop.
    away: tuple[type[Exception], ...] = AWAY
    #: Whether the dependency answered with this error. Irrelevant where an answer costs the dependency next to nothing.
    refused: Callable[[Exception], bool] = lambda _: False


class Prober:
    """The prober of one dependency. With several probes, a later probe is made only while the breakers of the earlier
    ones are closed."""

    def __init__(self, *probes: Probe, random: Callable[[float, float], float] = randoms.uniform) -> None:
        self._probes = probes
        self._random = random
        self._reporters = [FailureReporter(f"{probe.breaker.name}_probe") for probe in probes]
        self._refused_pause_s = PROBE_REFUSED_EVERY_S

    async def run(self) -> Never:
        """Probe in turns until cancelled, one probe at a time."""
        while True:
            pause_s = await self.turn()
            await asyncio.sleep(pause_s)

    async def turn(self) -> float:
        """Make the probe that is due, if any, and return the pause until the next turn, in seconds."""
        for probe, reporter in zip(self._probes, self._reporters, strict=True):
            if probe.breaker.undisturbed or probe.breaker.state is State.CLOSED:
                reporter.worked()
                probe.breaker.refusal = None
                continue
            try:
                await probe.breaker.probe(probe.ask)
            except CallRefused:
                break
            except probe.away as error:
                reporter.failed(error)
                refused = probe.refused(error)
                probe.breaker.refusal = text_of(error) if refused else None
                if refused:
                    pause_s = self._refused_pause_s
                    self._refused_pause_s = min(PROBE_REFUSED_MAX_S, pause_s * _GROWTH)
                    return self._random(pause_s / 2, pause_s)
                break
        self._refused_pause_s = PROBE_REFUSED_EVERY_S
        return self._random(PROBE_EVERY_S / 2, PROBE_EVERY_S)
