"""Fail-fast queue: the queue's client for pages. A part of the queue that does not answer costs one page its timeout.
After that, commands to the part fail at once, and pages show what they have without it, until a background probe of the
part succeeds.

A part is what shares a hash tag: in a Redis cluster, each part may be on another server.
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

#: Errors after which the part may have used up its timeout. An error that the server answers costs no time.
_SILENT = (TimeoutError, ConnectionError, OSError)


class FailFastQueue(Redis):
    """The client `redis` with the same commands, which fails fast for a part that did not answer last time."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(connection_pool=redis.connection_pool)
        self._redis = redis
        #: Why the part did not answer, by hash tag.
        self._silent: dict[str, str] = {}
        self._reporter = FailureReporter("fail_fast_queue")

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Execute the command. Raises what redis-py raises, or ConnectionError if this part did not answer last
        time."""
        return await self._ask(_part(args), partial(self._redis.execute_command, *args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline without a transaction. All its commands must concern one part."""
        made = self._redis.pipeline(transaction=False)
        execute = made.execute

        async def asked(raise_on_error: bool = True) -> list[Any]:
            part = _part(made.command_stack[0][0]) if made.command_stack else HOME
            replies: list[Any] = await self._ask(part, partial(execute, raise_on_error))
            return replies

        made.execute = asked  # type: ignore[method-assign]  # only of this instance
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
        """Probe silent parts until cancelled, so that pages need not wait for them."""
        while True:
            await asyncio.sleep(PROBE_EVERY_S)
            await asyncio.gather(*map(self._probe, [*self._silent]))

    async def _probe(self, part: str) -> None:
        with self._reporter.suppressing(*AWAY):
            await self._redis.xlen(f"{part}:{DEAD.removeprefix(PREFIX)}")
            del self._silent[part]


def _part(command: Any) -> str:
    """Return the hash tag of the command's first key: `{holdfast}`, or that of a partition."""
    key = text(first_key(command) or HOME)
    return key[: key.find("}") + 1] or HOME
