"""Hold: while the database is down nothing is read, nothing is charged, and one probe at a time asks whether it is
back. The writer stays ready: it is doing the right thing."""

import asyncio
from collections.abc import Awaitable, Callable

from shared import logs, metrics
from shared.faults import Fault
from shared.logs import Action
from shared.retry import again_on

_BASE_S = 0.2


class Hold:
    """A gate that an outage closes and a successful probe opens."""

    def __init__(self, probe: Callable[[], Awaitable[None]], cap_s: float) -> None:
        self._probe = probe
        self._cap_s = cap_s
        self._open = asyncio.Event()
        self._open.set()
        self._probing: asyncio.Task[None] | None = None

    @property
    def active(self) -> bool:
        """Whether work is being held."""
        return not self._open.is_set()

    def begin(self, outage: Fault) -> None:
        """Close the gate and start to probe; a second outage while it is closed changes nothing."""
        if self.active:
            return
        self._open.clear()
        metrics.holding.labels("database").set(1)
        logs.warning(Action.OUTAGE_BEGAN, dependency="database", error=str(outage))
        self._probing = asyncio.create_task(self._until_back())

    async def over(self) -> None:
        """Wait for the gate to be open."""
        await self._open.wait()

    async def _until_back(self) -> None:
        try:
            await again_on(Exception, self._probe, base_s=_BASE_S, cap_s=self._cap_s, attempts=None)
        finally:
            metrics.holding.labels("database").set(0)
            self._open.set()
        logs.info(Action.OUTAGE_ENDED, dependency="database")
