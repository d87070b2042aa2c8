"""Wait: lets a request that prefers to wait learn that its write has ended.

The writer publishes to this process's channel when it settles the write. That only saves time: the operation is also
polled, so a lost message costs a moment and nothing else. A client that has hung up is not waited for.
"""

import asyncio
import contextlib
import json
from collections.abc import Coroutine
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request

from holdfast.shared.queue.names import NOTIFY
from holdfast.shared.queue.partitions import ONE, Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.supervise import iteration_succeeded

_LOOK_EVERY_S = 0.5


class Waiters:
    """The requests of this process that wait."""

    def __init__(self, redis: Redis, instance: str, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self.channel = NOTIFY + instance
        self._reporter = FailureReporter("waiters_look")
        self._events: dict[str, asyncio.Event] = {}

    async def listen(self) -> None:
        """Wake the requests that wait for the operation in each message, until cancelled."""
        async with self._redis.pubsub() as pubsub:
            await pubsub.subscribe(self.channel)
            iteration_succeeded()
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=None)
                if message and (event := self._events.get(json.loads(message["data"])["operation_id"])):
                    event.set()

    async def ended(self, operation_id: str, timeout_s: float, entity_id: str = "", *, begun: bool = False) -> bool:
        """Return whether the operation of this entity ended within `timeout_s` seconds. `begun`: the operation was
        accepted before this request, so it may have ended and its message may have been missed."""
        event = self._events.setdefault(operation_id, asyncio.Event())
        operation = self._partitions.of(entity_id).operation(operation_id)
        try:
            async with asyncio.timeout(timeout_s):
                if begun and await self._settled(operation):
                    return True
                while not event.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(event.wait(), _LOOK_EVERY_S)
                    if not event.is_set() and await self._settled(operation):
                        return True
                return True
        except TimeoutError:
            return False
        finally:
            self._events.pop(operation_id, None)

    async def _settled(self, operation: str) -> bool:
        try:
            with self._reporter:
                status, version = await self._redis.hmget(operation, "status", "version")
        except (RedisError, OSError):
            return False
        return version is None or status is not None


async def while_connected(request: Request, waiting: Coroutine[Any, Any, bool]) -> bool | None:
    """Return what `waiting` returns, or None if the client hung up first. The request's body has to be read already."""
    tasks = waited, gone = asyncio.create_task(waiting), asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return None if gone.done() else waited.result()
    finally:
        for task in tasks:
            task.cancel()
        del tasks, waited, gone  # an error's traceback holds this frame, which must not hold the error


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
