"""Indexer: moves dead letters from their stream into the table, and only then off the stream. Any number of replicas
may do so; if one dies in between, committed letters are recognized and not counted again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import entries as entries_of
from holdfast.shared.connections.redis import text
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.faults import Contention, Outage
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import DLQ_GROUP, LUA
from holdfast.shared.queue.orphans import Orphans
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry import retry_forever
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_PAGE = 500
_BASE_S = 0.2

#: Puts letters into the table and returns how many were new.
Write = Callable[[Sequence[Letter]], Awaitable[int]]


class Indexer:
    """Moves dead letters into the index. `consumer`: this replica's name for entries that it takes over from others."""

    def __init__(
        self,
        redis: Redis,
        consumer: str,
        write: Write,
        *,
        idle_s: float,
        probe_cap_s: float,
        partitions: Partitions,
    ) -> None:
        self._redis = redis
        self._consumer = consumer
        self._write = write
        self._idle_s = idle_s
        self._probe_cap_s = probe_cap_s
        self._indexing, self._taking_off = FailureReporter("index"), FailureReporter("take_off")
        self._script = Script(redis, LUA / "letters.lua")
        self._orphans = {each: Orphans(redis, each.dead, DLQ_GROUP, "dead_letters") for each in partitions}
        #: Ids of entries that are being indexed here.
        self.in_hand: set[str] = set()
        #: Why nothing can be indexed now; empty: indexing works.
        self.holding = ""

    async def handle(self, entries: Sequence[Entry]) -> None:
        """Index letters of one partition, then take them off its stream. Waits while a store is down, and leaves
        letters that cannot be indexed on the stream."""
        ids = {entry.id for entry in entries}
        self.in_hand |= ids
        try:
            letters = [letter for entry in entries if (letter := _read(entry)) is not None]
            indexed = await self._insist(letters) if letters else []
            if indexed:
                await self._take_off(entries[0].partition, indexed)
        finally:
            self.in_hand -= ids

    async def reclaiming(self, partition: Partition) -> None:
        """Until cancelled, adopt orphans and take over entries that were delivered and never finished. Each partition
        has a loop of its own, because the server of another one may be down."""
        while True:
            await self._orphans[partition].adopt(self._consumer, int(self._idle_s * 1000))
            await self._reclaim(partition)
            iteration_succeeded()
            await asyncio.sleep(self._idle_s / 3)

    async def _reclaim(self, partition: Partition) -> None:
        cursor: bytes | str = "0-0"
        while not self.holding:
            cursor, claimed, lost = await self._redis.xautoclaim(
                partition.dead, DLQ_GROUP, self._consumer, int(self._idle_s * 1000), cursor, count=_PAGE
            )
            if lost:
                metrics.entries_lost.inc(len(lost))
                logs.error(Action.ENTRIES_LOST, stream=partition.dead, entries=[text(each) for each in lost])
            found = [Entry(entry_id, fields, partition) for entry_id, fields in entries_of(claimed)]
            ours = [entry for entry in found if entry.id not in self.in_hand]
            if ours:
                metrics.reclaimed.inc(len(ours))
                await self.handle(ours)
            if text(cursor) == "0-0":
                return

    async def _insist(self, letters: list[Letter]) -> list[Letter]:
        """Index letters, waiting as long as it takes, and return those that were indexed."""

        async def once() -> list[Letter]:
            try:
                return await self._halving(letters)
            except Outage as error:
                self._hold(str(error))
                raise

        done = await retry_forever(self._indexing, (Outage, Contention), once, base_s=_BASE_S, cap_s=self._probe_cap_s)
        self._hold("")
        return done

    def _hold(self, why: str) -> None:
        self.holding = why
        metrics.holding.labels("database").set(bool(why))

    async def _halving(self, letters: list[Letter]) -> list[Letter]:
        """Index letters, and return those that were indexed. A letter that cannot be indexed does not keep its
        neighbours out."""
        try:
            with metrics.index_duration.time():
                metrics.letters_indexed.inc(await self._write(letters))
            return letters
        except (Outage, Contention):
            raise
        except Exception as error:  # noqa: BLE001 - our bug: the letter stays on its stream, and is shown from there
            if len(letters) == 1:
                metrics.letters_unindexable.inc()
                logs.error(Action.LETTER_UNINDEXABLE, exc=error, letter=id_of(letters[0].number))
                return []
        middle = len(letters) // 2
        return await self._halving(letters[:middle]) + await self._halving(letters[middle:])

    async def _take_off(self, partition: Partition, letters: list[Letter]) -> None:
        arguments = [value for letter in letters for value in (id_of(letter.number), letter.operation_id or "")]
        operations = [partition.operation(letter.operation_id) for letter in letters if letter.operation_id]
        await retry_forever(
            self._taking_off,
            (RedisError, OSError, NotSent),
            lambda: self._script([partition.dead, *operations], [partition.prefix, DLQ_GROUP, *arguments]),
            base_s=_BASE_S,
            cap_s=self._probe_cap_s,
        )


def _read(entry: Entry) -> Letter | None:
    try:
        return read(entry.id, entry.fields)
    except ValueError as error:  # Redis does not make such an id
        metrics.letters_unindexable.inc()
        logs.error(Action.LETTER_UNINDEXABLE, exc=error, letter=entry.id)
        return None
