"""Releases: gives back the unique values that settled writes no longer claim, if the queue has several partitions.

A value has a partition of its own, which may be away while the partition of the write works, so no write waits for it.
A release that fails is kept and tried again. Releases that are too many to keep, or were kept by a process that has
ended, are made up for by dlq_admin's sweeper.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Never

from redis.asyncio import Redis

from holdfast.shared.queue.asking import AWAY
from holdfast.shared.queue.claims import Change, Claims
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter

_AGAIN_S = 0.5
#: Most releases kept for one partition, and most in one call.
_MOST, _AT_ONCE = 20_000, 1000


class Releases:
    """Releases values while `run` runs. With one partition it is not needed, because settle.lua releases them."""

    def __init__(self, redis: Redis, partitions: Partitions) -> None:
        self._claims = Claims(redis, partitions)
        self._partitions = partitions
        self._kept: list[list[Change]] = [[] for _ in partitions]
        self._reporters = [FailureReporter("release") for _ in partitions]

    async def __call__(self, changes: Iterable[Change]) -> None:
        """Release values: at once, or later if their partition is known to be away."""
        parts = self._claims.by_partition(changes)
        for partition, mine in parts.items():
            self._keep(partition, mine)
        await asyncio.gather(*(self._release(each) for each in parts if not self._reporters[each.number].failing))

    async def run(self) -> Never:
        """Try the kept releases again, until cancelled."""
        while True:
            await asyncio.sleep(_AGAIN_S)
            await self.again()

    async def again(self) -> None:
        """Try all kept releases once."""
        await asyncio.gather(*map(self._release, self._partitions))

    def _keep(self, partition: Partition, changes: Sequence[Change]) -> None:
        kept = self._kept[partition.number]
        kept += changes[: _MOST - len(kept)]

    async def _release(self, partition: Partition) -> None:
        kept = self._kept[partition.number]
        while kept:
            now, kept[:_AT_ONCE] = kept[:_AT_ONCE], []
            try:
                with self._reporters[partition.number]:
                    await self._claims.change_in(partition, now)
            except AWAY:
                self._keep(partition, now)
                return
