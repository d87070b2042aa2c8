"""Primary: finds the Redis node that takes writes, by asking Sentinels one after another. redis-py's own search ends at
the first Sentinel that answers with an error, as one does that lacks a right, or a node of Redis that is in the list.

Every new connection asks Sentinel for the primary. An existing connection is compared with the newest answer before
each command, because a node that is cut off from Sentinel does not know that another node has taken its place.
"""

import asyncio
import time
from contextvars import Context
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import RedisError

#: The interval between two look-ups while connections are used.
_LOOK_EVERY_S = 1.0


class Primary:
    """The primary of the nodes that Sentinel watches under `name`. `sentinels`: a client for each Sentinel."""

    def __init__(self, sentinels: list[Redis], name: str) -> None:
        self._sentinels = sentinels
        self._name = name
        self._found: tuple[str, int] | None = None
        self._looked_at = 0.0
        self._finding: asyncio.Task[tuple[str, int]] | None = None

    async def find(self) -> tuple[str, int]:
        """Return (host, port) of the current primary. Raises MasterNotFoundError, which is a ConnectionError, with the
        answer of each Sentinel."""
        return await asyncio.shield(self._look())

    def is_at(self, host: str, port: int) -> bool:
        """Return whether the primary is there, as far as known. Starts a new look-up if the last one is old. Without
        Sentinel, connections are kept, and their failures are reported where they are used."""
        if time.monotonic() - self._looked_at > _LOOK_EVERY_S:
            self._look()
        return self._found is None or self._found == (host, port)

    def _look(self) -> asyncio.Task[tuple[str, int]]:
        """Return the running look-up, which is shared by all concurrent callers, or start one."""
        if self._finding is None or self._finding.done():
            self._looked_at = time.monotonic()
            self._finding = asyncio.get_running_loop().create_task(self._ask(), context=Context())
            self._finding.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._finding

    async def _ask(self) -> tuple[str, int]:
        answers = []
        for sentinel in self._sentinels:
            answer = await self._answer_of(sentinel)
            if not isinstance(answer, str):
                self._sentinels.sort(key=lambda other: other is not sentinel)
                self._found = answer
                return answer
            answers.append("{host}:{port}: ".format_map(sentinel.connection_pool.connection_kwargs) + answer)
        raise MasterNotFoundError(f"no primary {self._name!r}: {'; '.join(answers)}")

    async def _answer_of(self, sentinel: Redis) -> tuple[str, int] | str:
        """Return (host, port) of the primary that this Sentinel knows, or the reason why it knows none."""
        try:
            known: Any = await sentinel.sentinel_masters()
        except (RedisError, OSError) as error:
            return f"{type(error).__name__} {error}"
        finally:
            await sentinel.aclose()
        state = known.get(self._name)
        if state and state["is_master"] and not (state["is_sdown"] or state["is_odown"]):
            return str(state["ip"]), int(state["port"])
        return "knows no primary that is up"


class Finder(Protocol):
    """Knows to which node to connect."""

    async def find(self) -> tuple[str, int]:
        """Return (host, port) of the node."""

    def is_at(self, host: str, port: int) -> bool:
        """Return whether the node is there, as far as known."""


def discovering(kind: type[Any], primary: Finder) -> type[Any]:
    """Return a connection class of this kind that connects to the current primary."""

    class Discovering(kind):  # type: ignore[misc]  # the base is known only at run time
        async def _connect(self) -> None:
            self.host, self.port = await primary.find()
            await super()._connect()

        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            """Send a command, but not to a node that is no longer the primary."""
            if self.is_connected and not primary.is_at(self.host, self.port):
                await self.disconnect()
            await super().send_packed_command(command, check_health)

    return Discovering
