"""Key handover: hands the queue, in the background, the Idempotency-Keys that it does not know.

The keys of writes that were applied while the queue was away are stored in the database, in the transaction of the
write; any api hands them over once the queue is back. A queue that lost its memory is marked with the time since which
it remembers keys. Until that is a key's whole lifetime ago, keys that are new to it are looked up in the database.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Never

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.database import Database
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.errors import CircuitOpen, DatabaseUnavailable, DeadlineExceeded
from holdfast.shared.queue.agreement import Agreed
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import direct_keys
from holdfast.shared.store.direct_keys import DirectKey
from holdfast.shared.writes.versions import Clock

#: Seconds between looks: while there may be keys that the queue does not know, and otherwise.
_DOUBTFUL_EVERY_S, _EVERY_S = 1.0, 5.0
_AT_ONCE = 500

#: The errors of a look. They say nothing about any key.
AWAY = (CallRefused, CircuitOpen, DatabaseUnavailable, DeadlineExceeded, NotSent, RedisError, OSError)


class KeyHandover:
    """Hands keys over while `run` runs. `sure`: whether the queue knows the keys of all direct writes, as far as this
    process can tell."""

    def __init__(
        self,
        redis: Redis,
        queue: Sequence[Breaker],
        database: Database,
        clock: Clock,
        key_lifetime_s: int,
        replicas: Replicas | None,
        partitions: Partitions,
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._remember = Agreed(redis, len(partitions), Script(redis, LUA / "remember.lua", replicas))
        self._queue = queue
        self._database = database
        self._clock = clock
        self._key_lifetime_s = key_lifetime_s
        self._reporter = FailureReporter("key_handover")
        self.sure = False
        self._doubted = asyncio.Event()

    def doubt(self) -> None:
        """Note that the queue did not answer, so that there may be direct writes, of this process or of others."""
        self._reporter = FailureReporter("key_handover")
        self.sure = False
        self._doubted.set()

    async def run(self) -> Never:
        """Look for keys to hand over, every second while in doubt and else every five, until cancelled."""
        while True:
            with self._reporter.suppressing(*AWAY):
                await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_S if self.sure else _DOUBTFUL_EVERY_S):
                    await self._doubted.wait()
            if self._doubted.is_set():
                self._doubted.clear()
                await asyncio.sleep(_DOUBTFUL_EVERY_S)

    async def look(self) -> None:
        """Hand over all keys that wait for it. Raises one of AWAY."""
        await self._mark()
        while keys := await self._database.call(direct_keys.waiting, _AT_ONCE):
            self.sure = False
            await self.tell(keys)
            await self._database.call(direct_keys.handed_over, keys)
        self.sure = True

    async def tell(self, keys: Sequence[DirectKey]) -> None:
        """Give the queue these keys, and what they were used for. Raises CallRefused, NotSent, RedisError, OSError."""
        for partition, mine in self._partitions.split((key.entity_id, key) for key in keys).items():
            arguments = [partition.prefix, self._key_lifetime_s, *(value for key in mine for value in _arguments(key))]
            names = [name for key in mine for name in partition.of_key(key.key_hash)]
            await self._queue[partition.number].call_async(self._remember, names, arguments)

    async def _mark(self) -> None:
        """Record since when each partition remembers keys: since ever (0) if no operation had ended, else since now."""
        for partition, queue in zip(self._partitions, self._queue, strict=True):
            if await queue.call_async(self._redis.exists, partition.keys_since):
                continue
            began = await self._database.call(direct_keys.anything_ended)
            since = self._clock.next() if began else 0
            await queue.call_async(self._redis.set, partition.keys_since, since, nx=True)


def _arguments(key: DirectKey) -> tuple[str | int, ...]:
    """Return the key's arguments of `remember.lua`."""
    return key.key_hash, key.body_hash, key.operation_id, key.entity_id, key.version
