"""Asked queue: the queue as pages ask it. A part of it that does not answer costs one page its time limit. Later pages
fail to ask it at once, and show what they have without it, until our own probe of it is answered.

The parts are those of the keys' hash tags: each may be on another server of a cluster.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Never

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import ConnectionError, TimeoutError

from holdfast.shared.connections.cluster import HOME, first_key
from holdfast.shared.connections.connection import WrongNode
from holdfast.shared.connections.redis import text
from holdfast.shared.queue.names import DEAD, PREFIX
from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.runtime.time_budgets import PROBE_EVERY_S

#: It took its time limit, or may have. What is answered, with whatever, costs nothing.
_SILENT = (TimeoutError, ConnectionError, OSError)


class AskedQueue(Redis):
    """`redis`, as a client with the same commands."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(connection_pool=redis.connection_pool)
        self._redis = redis
        #: By hash tag: why it did not answer.
        self._silent: dict[str, str] = {}
        self._reporter = FailureReporter("queue_asked")

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Raises what redis-py raises, or raised when this part was asked last."""
        return await self._ask(_part(args), partial(self._redis.execute_command, *args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Of one part, and no transaction."""
        made = self._redis.pipeline(transaction=False)
        execute = made.execute

        async def asked(raise_on_error: bool = True) -> list[Any]:
            part = _part(made.command_stack[0][0]) if made.command_stack else HOME
            replies: list[Any] = await self._ask(part, partial(execute, raise_on_error))
            return replies

        made.execute = asked  # type: ignore[method-assign]  # of this one
        return made

    async def _ask(self, part: str, ask: Callable[[], Awaitable[Any]]) -> Any:
        if (why := self._silent.get(part)) is not None:
            raise ConnectionError(f"it did not answer when it was asked last: {why}")
        try:
            return await ask()
        except _SILENT as error:
            if not isinstance(error, WrongNode):
                self._silent[part] = str(error)
            raise

    async def run(self) -> Never:
        """For ever: ask what was silent, so that pages need not wait for it."""
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            await asyncio.gather(*map(self._probe, [*self._silent]))

    async def _probe(self, part: str) -> None:
        with self._reporter.suppressing(*AWAY):
            await self._redis.xlen(f"{part}:{DEAD.removeprefix(PREFIX)}")
            del self._silent[part]


def _part(command: Any) -> str:
    """`{holdfast}`, or the tag of a partition."""
    key = text(first_key(command) or HOME)
    return key[: key.find("}") + 1] or HOME
