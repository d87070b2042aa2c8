"""Key handover: what the queue has to know of Idempotency-Keys, in the background.

Keys of writes that were applied while the queue was away are kept in the database, in the transaction of the write;
any api hands them to the queue once it is back. A queue that lost its memory is marked with the time since which it
remembers; until that is a key's whole lifetime ago, a key that is new to it is looked up in the database.
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
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import direct_keys
from holdfast.shared.store.direct_keys import DirectKey
from holdfast.shared.writes.versions import Clock

#: Between looks, while there may be keys that the queue does not know of, and while nothing says so.
_DOUBTFUL_EVERY_S, _EVERY_S = 1.0, 5.0
_AT_ONCE = 500

#: What a look may fail with; it says nothing about any key.
AWAY = (CallRefused, CircuitOpen, DatabaseUnavailable, DeadlineExceeded, NotSent, RedisError, OSError)


class KeyHandover:
    """`run` it; `sure` says whether the queue knows all keys of direct writes, as far as is known here."""

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
        self._remember = Script(redis, LUA / "remember.lua", replicas)
        self._queue = queue
        self._database = database
        self._clock = clock
        self._key_lifetime_s = key_lifetime_s
        self._reporter = FailureReporter("key_handover")
        self.sure = False
        self._doubted = asyncio.Event()

    def doubt(self) -> None:
        """The queue did not answer: there may be direct writes, here or elsewhere."""
        self._reporter = FailureReporter("key_handover")
        self.sure = False
        self._doubted.set()

    async def run(self) -> Never:
        """For ever."""
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
        """Hand over what waits. Raises what a store away raises."""
        await self._mark()
        while keys := await self._database.call(direct_keys.waiting, _AT_ONCE):
            self.sure = False
            await self.tell(keys)
            await self._database.call(direct_keys.handed_over, keys)
        self.sure = True

    async def tell(self, keys: Sequence[DirectKey]) -> None:
        """The queue what these keys were used for. Raises what the queue away raises."""
        for partition, mine in self._partitions.split((key.entity_id, key) for key in keys).items():
            arguments = [partition.prefix, self._key_lifetime_s, *(value for key in mine for value in _arguments(key))]
            names = [name for key in mine for name in partition.of_key(key.key_hash)]
            await self._queue[partition.number].call_async(self._remember, names, arguments)

    async def _mark(self) -> None:
        """Since when the queue remembers: ever, if nothing was over before."""
        for partition, queue in zip(self._partitions, self._queue, strict=True):
            if await queue.call_async(self._redis.exists, partition.keys_since):
                continue
            began = await self._database.call(direct_keys.anything_ended)
            since = self._clock.next() if began else 0
            await queue.call_async(self._redis.set, partition.keys_since, since, nx=True)


def _arguments(key: DirectKey) -> tuple[str | int, ...]:
    """As `remember.lua` takes them."""
    return key.key_hash, key.body_hash, key.operation_id, key.entity_id, key.version
