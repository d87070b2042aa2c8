"""The drill: load and kills, then heal, drain, and count."""

import asyncio
import contextlib
import random
from dataclasses import dataclass
from pathlib import Path

from holdfast.shared.queue.names import WRITES
from tests.crash.clients import Clients
from tests.crash.nemesis import Nemesis
from tests.crash.stage import Stage
from tests.crash.verdict import Verdict, judge
from tests.servers import wait_until

_CLIENTS = 16
_GRACE_S = 240.0
_DRAIN_S = 240.0


@dataclass
class Drill:
    """What was done and what came of it."""

    seed: int
    seconds: float
    clients: Clients
    nemesis: Nemesis
    #: Writes left committed and not acknowledged, at each death in between.
    half_done: list[int]
    verdict: Verdict

    @property
    def proved(self) -> bool:
        """Whether it was a drill at all."""
        return bool(self.clients.acknowledged and self.nemesis.kills and self.half_done)

    @property
    def passed(self) -> bool:
        """Whether every promise was kept."""
        return not (self.verdict.faults or self.clients.strange or self.clients.unresolved)


def run(folder: Path, seconds: float, seed: int) -> Drill:
    """One drill of about `seconds`, and the time to heal, drain and count."""
    stage, chance = Stage(folder), random.Random(seed)
    clients, nemesis = Clients(stage, random.Random(seed + 1)), Nemesis(stage, chance)
    try:
        stage.start()
        asyncio.run(_storm(stage, clients, nemesis, seconds))
        wait_until(lambda: _backlog(stage) == 0, _DRAIN_S, "the backlog is gone")
        for service in (*stage.apis, *stage.writers):
            service.kill()
        verdict = judge(clients.acknowledged, stage.queue, stage.database)
        return Drill(seed, seconds, clients, nemesis, stage.half_done(), verdict)
    finally:
        stage.end()


async def _storm(stage: Stage, clients: Clients, nemesis: Nemesis, seconds: float) -> None:
    load = asyncio.create_task(clients.load(seconds, _GRACE_S, _CLIENTS))
    keeper = asyncio.create_task(nemesis.keep())
    await nemesis.rage(seconds)
    keeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeper
    await asyncio.to_thread(stage.heal)
    await load


def _backlog(stage: Stage) -> int:
    with stage.queue.client() as client:
        return int(client.xlen(WRITES))
