"""The nemesis: kills anything at any moment; what it killed comes back after a while, as a supervisor would have it."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping

from tests.crash.stage import Stage, Target
from tests.processes import Service

_GAP_S = (0.2, 1.6)
_DOWN_S = (0.0, 1.5)
_WATCH_EVERY_S = 0.1
#: Writers are what most needs proof, and the database takes longest to come back.
_CHANCES = {"writer": 5, "api": 2, "queue Redis": 2, "cache Redis": 1, "database": 2}


class Nemesis:
    """Counts what it did."""

    def __init__(self, stage: Stage, chance: random.Random, chances: Mapping[str, int] = _CHANCES) -> None:
        self._stage = stage
        self._chance = chance
        self._chances = chances
        #: Killed, and not started again yet.
        self._down: set[Target] = set()
        self.kills: Counter[str] = Counter()

    async def rage(self, seconds: float) -> None:
        """For so long; comes back when everything it killed has been started again."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as restarts:
            # Everything is hit once, however short the run; then whatever chance says.
            first = self._chance.sample(list(self._chances), len(self._chances))
            while time.monotonic() < end:
                await asyncio.sleep(self._chance.uniform(*_GAP_S))
                [kind] = [first.pop()] if first else self._chance.choices([*self._chances], [*self._chances.values()])
                alive = [one for one in self._stage.targets[kind] if one.running and one not in self._down]
                if alive:
                    target = self._chance.choice(alive)
                    self._down.add(target)
                    await asyncio.to_thread(target.kill)
                    self.kills[kind] += 1
                    restarts.create_task(self._back(target, self._chance.uniform(*_DOWN_S)))

    async def keep(self) -> None:
        """For ever: a writer that died by its own hand is started again."""
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            for writer in self._stage.writers:
                if not writer.running and writer not in self._down:
                    writer.start(wait=False)

    async def _back(self, target: Target, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if isinstance(target, Service):
            target.start(wait=False)  # it may be killed again while it starts
        else:
            await asyncio.to_thread(target.start)
        self._down.discard(target)
