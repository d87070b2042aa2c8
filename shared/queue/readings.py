"""Readings: a reader for each partition. A reader that has lost its server does not keep the others from reading."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from faststream import FastStream
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.agreement import agree
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.queue.reading import Reading
from holdfast.shared.queue.watch import Watch
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry import retry_forever

#: Makes a reader of a partition, which reports the result of each read to the watch.
MakeReader = Callable[[Partition, Watch], FastStream]


class Readings:
    """Runs one Reading per partition and has the interface of a single Reading; all of them stop together. `busy`,
    `turn_max_s`: see Watch."""

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
        self._probe_cap_s = probe_cap_s
        self._agree = partial(agree, redis, len(partitions))
        self._watches = [Watch(busy, turn_max_s) for _ in partitions]
        self._readings = [
            Reading(redis, partial(make_reader, one, watch), watch, probe_cap_s=probe_cap_s, partitions=[one])
            for one, watch in zip(partitions, self._watches, strict=True)
        ]
        for reading in self._readings:
            reading.on_signal = self.stop

    @property
    def stopping(self) -> bool:
        """Whether a stop was requested, so that no new work may start."""
        return self._readings[0].stopping

    def stop(self) -> None:
        """Stop reading. Entries that were already read are still handled."""
        for reading in self._readings:
            reading.stop()

    async def own_the_signals(self) -> None:
        """Handle SIGTERM and SIGINT, see Reading."""
        await self._readings[0].own_the_signals()

    async def groups(self) -> None:
        """Wait until the groups of any partition exist, or until a stop is requested."""
        waiting = [asyncio.create_task(reading.groups()) for reading in self._readings]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    def minding(self, partition: Partition, loop: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        """Return `loop`, extended so that a missing group of this partition is created again, see Reading."""
        return self._readings[partition.number].minding(loop)

    async def agreed(self) -> None:
        """Wait until the number of partitions is known to be ours. Raises PartitionsDiffer if it is another."""
        reporter, away = FailureReporter("partitions"), (RedisError, OSError)
        await retry_forever(reporter, away, self._agree, base_s=0.2, cap_s=self._probe_cap_s)

    async def run(self) -> None:
        """Keep the readers running until `stop()`. They do not wait for the shard that records the number of
        partitions, because reading loses nothing. PartitionsDiffer ends the process once that shard answers."""
        agreed = asyncio.create_task(self.agreed())
        try:
            async with asyncio.TaskGroup() as group:
                for reading in self._readings:
                    group.create_task(reading.run())
        finally:
            agreed.cancel()

    async def watching(self) -> None:
        """End each reader that has lost its connection or has fallen silent. Never returns."""
        async with asyncio.TaskGroup() as group:
            for reading in self._readings:
                group.create_task(reading.watching())

    def progress(self) -> tuple[bool, str]:
        """Return whether all loops turn, and a text about it, as a health check."""
        checks = [watch.progress() for watch in self._watches]
        return all(fine for fine, _ in checks), next((why for fine, why in checks if not fine), checks[0][1])
