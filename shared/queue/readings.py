"""Readings: a reader for each partition. One that has lost its server does not keep the others from reading."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from faststream import FastStream
from redis.asyncio import Redis

from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.queue.reading import Reading
from holdfast.shared.queue.watch import Watch

#: Makes a reader of this partition, of which the watch learns how each read ended.
MakeReader = Callable[[Partition, Watch], FastStream]


class Readings:
    """As one Reading: they stop together. `busy`, `turn_max_s`: see Watch."""

    def __init__(
        self,
        redis: Redis,
        partitions: Partitions,
        make_reader: MakeReader,
        busy: Callable[[], object],
        *,
        turn_max_s: float,
        probe_cap_s: float,
    ) -> None:
        self._watches = [Watch(busy, turn_max_s) for _ in partitions]
        self._readings = [
            Reading(redis, partial(make_reader, one, watch), watch, probe_cap_s=probe_cap_s, partitions=[one])
            for one, watch in zip(partitions, self._watches, strict=True)
        ]
        for reading in self._readings:
            reading.on_signal = self.stop

    @property
    def stopping(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._readings[0].stopping

    def stop(self) -> None:
        """Read no more; what is in hand is finished."""
        for reading in self._readings:
            reading.stop()

    async def own_the_signals(self) -> None:
        """See Reading."""
        await self._readings[0].own_the_signals()

    async def groups(self) -> None:
        """Wait for the groups of any partition; or for the order to stop."""
        waiting = [asyncio.create_task(reading.groups()) for reading in self._readings]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def minding(self, partition: Partition, loop: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        """A loop of this partition: see Reading."""
        return self._readings[partition.number].minding(loop)

    async def run(self) -> None:
        """Until `stop()`."""
        async with asyncio.TaskGroup() as group:
            for reading in self._readings:
                group.create_task(reading.run())

    async def watching(self) -> None:
        """For ever: see Reading."""
        async with asyncio.TaskGroup() as group:
            for reading in self._readings:
                group.create_task(reading.watching())

    def progress(self) -> tuple[bool, str]:
        """A health check: whether the loops turn."""
        checks = [watch.progress() for watch in self._watches]
        return all(fine for fine, _ in checks), next((why for fine, why in checks if not fine), checks[0][1])
