"""Primary: which of several Redis nodes is written to, as Sentinel knows it. Found by redis-py's client of Sentinel.

Every connection asks when it is made. One that lives is compared with the newest answer before each command: a node
that was cut off from Sentinel does not know that another one has taken its place.
"""

import asyncio
import time
from contextvars import Context
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.sentinel import Sentinel

#: Between two looks while connections are used.
_LOOK_EVERY_S = 1.0


class Primary:
    """Of the nodes that Sentinel watches under `name`; `sentinels` are clients of each."""

    def __init__(self, sentinels: list[Redis], name: str) -> None:
        self._sentinel = Sentinel([])  # type: ignore[no-untyped-call]  # untyped there
        self._sentinel.sentinels = sentinels
        self._name = name
        self._found: tuple[str, int] | None = None
        self._looked_at = 0.0
        self._finding: asyncio.Task[tuple[str, int]] | None = None

    async def find(self) -> tuple[str, int]:
        """(host, port), as of now. Raises MasterNotFoundError, which is a ConnectionError, with what each one said."""
        return await asyncio.shield(self._look())

    def is_at(self, host: str, port: int) -> bool:
        """Whether it is there, for all that is known. Looks again if the last look is old; without Sentinel the
        connections stay, and what one of them meets is reported where it is used."""
        if time.monotonic() - self._looked_at > _LOOK_EVERY_S:
            self._look()
        return self._found is None or self._found == (host, port)

    def _look(self) -> asyncio.Task[tuple[str, int]]:
        """One for all who ask at the same time."""
        if self._finding is None or self._finding.done():
            self._looked_at = time.monotonic()
            self._finding = asyncio.get_running_loop().create_task(self._ask(), context=Context())
            self._finding.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._finding

    async def _ask(self) -> tuple[str, int]:
        try:
            host, port = await self._sentinel.discover_master(self._name)
        finally:
            await self._sentinel.aclose()
        self._found = str(host), int(port)
        return self._found


class Finder(Protocol):
    """Knows which node is to be connected to."""

    async def find(self) -> tuple[str, int]:
        """(host, port), as of now."""

    def is_at(self, host: str, port: int) -> bool:
        """Whether it is there, for all that is known."""


def discovering(kind: type[Any], primary: Finder) -> type[Any]:
    """A connection of this kind to the primary, wherever it is."""

    class Discovering(kind):  # type: ignore[misc]  # which one is known when it runs
        async def _connect(self) -> None:
            self.host, self.port = await primary.find()
            await super()._connect()

        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            """Nothing is sent to a node that is the primary no longer."""
            if self.is_connected and not primary.is_at(self.host, self.port):
                await self.disconnect(nowait=True)
            await super().send_packed_command(command, check_health)

    return Discovering
