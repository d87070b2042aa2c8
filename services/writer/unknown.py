"""Unknown: lets go of entries that another build may know. This build does not know the schema, the resource, the
command or a field, or it declares something different from the build that accepted the entry.

Such entries are not poison. They are not charged, and let go so that a writer that knows them takes them over. An entry
is dead-lettered once all live writers and apis have had this very build for `patience_s` seconds: no build that knows
the entry will come then, and an operator decides.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Set
from functools import partial

from redis.asyncio import Redis

from holdfast.shared.queue.asking import ask_each
from holdfast.shared.queue.build import build
from holdfast.shared.queue.codec import UnknownWrite
from holdfast.shared.queue.deliveries import Hold, owners
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.queue.presence import all_builds
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.outcome import Dead, Failure, Outcome, Reason, Retry

_EVERY_S = 1.0
_PAGE = 500
_CODE = "UNKNOWN_WRITE"

#: Takes over the entries with these ids that no writer has taken over yet, and handles them.
Take = Callable[[list[str]], Awaitable[None]]


class Unknown:
    """The unknown entries that this writer has met. `reader`: this writer."""

    def __init__(
        self, redis: Redis, reader: str, *, idle_s: float, patience_s: float, partitions: Partitions = ONE
    ) -> None:
        self._redis = redis
        self._partitions = partitions
        self._hold = Hold(redis, reader)
        self._idle_ms = int(idle_s * 1000)
        self._patience_s = patience_s
        self._since: dict[str, float] = {}
        #: Entries that were met and are not let go yet.
        self._fresh: set[str] = set()
        #: Entries to be dead-lettered when they are met again.
        self._given_up: set[str] = set()
        #: Since when all writers and apis have this build; None if they do not.
        self._alone_since: float | None = None

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the entries that are left to other writers."""
        return frozenset(self._since)

    def met(self, entry_id: str, error: UnknownWrite) -> Dead | Retry:
        """Return the outcome of an entry that cannot be decoded because of `error`."""
        if entry_id in self._given_up:
            return Dead(Reason.UNDECODABLE, Failure(type(error).__name__, _CODE, str(error)))
        if entry_id not in self._since:
            logs.warning(Action.WRITE_UNKNOWN, entry=entry_id, error=str(error))
        self._since.setdefault(entry_id, time.monotonic())
        self._fresh.add(entry_id)
        return Retry()

    async def forget_settled(self, waiting: Set[str]) -> None:
        """Forget entries that are settled. `waiting`: entries that no writer has in hand. An entry that another writer
        has in hand is remembered: writers that pass an entry around and forget it each time would never give it up."""
        doubtful = sorted(self._since.keys() - waiting - self._fresh)
        for ids in parts_of(doubtful, _PAGE):
            answers = await ask_each(self._partitions, partial(owners, self._redis, ids=ids))
            if not answers.away:  # an entry is pending in one partition, and unknown to the others
                for entry_id in set(ids).difference(*answers.of.values()):
                    self._since.pop(entry_id, None)

    async def run(self, take: Take, halted: Callable[[], bool]) -> None:
        """Let go of entries that were met, and give up those that no build will come for, until cancelled."""
        while True:
            await self._let_go()
            if self._since and not halted():
                await self._give_up(take)
            iteration_succeeded()
            await asyncio.sleep(_EVERY_S)

    async def _let_go(self) -> None:
        """Free the entries that were met, to be taken over at once with no delivery counted. Those of a partition that
        is away are freed later."""
        fresh = sorted(self._fresh)
        for ids in parts_of(fresh, _PAGE):
            answers = await ask_each(self._partitions, partial(self._free, ids=ids))
            self._fresh.difference_update(*(answers.of.values() if answers.away else [ids]))

    async def _free(self, partition: Partition, ids: list[str]) -> set[str]:
        """Free the entries of this partition, and return their ids."""
        return await self._hold(partition, ids, deliveries=0, idle_ms=self._idle_ms)

    async def _give_up(self, take: Take) -> None:
        now = time.monotonic()
        if await all_builds(self._redis) - {build()}:
            self._alone_since = None
            return
        self._alone_since = self._alone_since or now
        overdue = [
            entry_id
            for entry_id, since in self._since.items()
            if now - max(since, self._alone_since) >= self._patience_s
        ]
        for page in parts_of(overdue, _PAGE):
            self._given_up.update(page)
            await take(page)
            self._given_up.difference_update(page)


def is_unknown(outcome: Outcome) -> bool:
    """Return whether an entry is dead because no writer knows it. That says nothing about writers or other entries."""
    return isinstance(outcome, Dead) and outcome.failure.code == _CODE
