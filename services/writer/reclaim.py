"""Reclaim: takes over entries that were delivered and never settled. It always runs, because a Redis hang strands
entries in a consumer that is alive. Orphans, which were delivered and are in no pending list, are adopted first.

An entry that was delivered once in vain is retried in bulk. One that was delivered twice in vain may have killed a
writer together with its neighbours, so it is retried alone; if it was alone and still killed its writer, it is a crash
loop. Poison needs evidence: what others than writers do to an entry is none, and neither is a takeover whose answer was
lost, or the death of a writer that had another suspect in hand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled, Pipeline, Settle
from holdfast.services.writer.unknown import Unknown
from holdfast.shared.connections.redis import entries as entries_of
from holdfast.shared.connections.redis import text
from holdfast.shared.queue.codec import raw_text
from holdfast.shared.queue.deliveries import Hold, TakeOver, claims_as, owners, unexplained
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.orphans import Orphans
from holdfast.shared.queue.page import page_size
from holdfast.shared.queue.partitions import Partition
from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.resilience.retry import retry_forever
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.decide import Ended
from holdfast.shared.writes.outcome import Dead, Failure, Outcome, Reason

_PAGE = 500
#: Longest pause before the queue is asked again.
_ASKED_AGAIN_S = 1.0
#: More entries than one writer can have in hand.
_HELD_MAX = 20_000
#: Far above any idle time: a claim takes nothing, and makes Redis report pending entries that no longer exist.
_NEVER_MS = 2**40

EndedLookup = Callable[[list[str]], Awaitable[dict[str, Ended]]]


@dataclass(frozen=True, slots=True)
class _Silent:
    id: str
    #: Deliveries to writers since the last one with a result, see deliveries.py.
    unexplained: int


class Reclaimer:
    """Reclaims the entries of one partition: takes over silent entries, and keeps those of this writer from looking
    silent."""

    def __init__(
        self,
        redis: Redis,
        reader: str,
        pipeline: Pipeline,
        deferred: Deferred,
        unknown: Unknown,
        settle: Settle,
        ended: EndedLookup,
        outage: Callable[[], bool],
        *,
        idle_s: float,
        crashes_max: int,
        partition: Partition,
    ) -> None:
        """Create a reclaimer. `reader`: the consumer that reads for this writer."""
        self._redis = redis
        self._partition = partition
        self._stream = partition.writes
        self._reader = reader
        self._consumer = claims_as(reader)
        self._pipeline = pipeline
        self._deferred = deferred
        self._unknown = unknown
        self._settle = settle
        self._ended = ended
        self._outage = outage
        self._idle_ms = int(idle_s * 1000)
        self._crashes_max = crashes_max
        self._orphans = Orphans(redis, self._stream, WRITERS_GROUP, "writes")
        self._claim = TakeOver(redis, partition, self._consumer)
        self._hold = Hold(redis, reader)
        self._asking = FailureReporter("ours")

    async def run(self) -> None:
        """Report lost entries, adopt orphans, then take over silent entries; again and again until cancelled."""
        while True:
            await self._report_lost()
            await self._orphans.adopt(self._consumer, self._idle_ms)
            await self._take_over()
            iteration_succeeded()
            await asyncio.sleep(self._idle_ms / 1000 / 3)

    async def keep_alive(self) -> None:
        """Reset the idle time of the entries held here, until cancelled. This adds no delivery.

        An entry that only waits, for its turn or for the end of an outage, kills no writer: its count of deliveries is
        reset to one, so that no restart during an outage can look like a crash loop.
        """
        while True:
            waiting = set(self._deferred.held())
            busy = self._pipeline.in_hand - waiting
            await self._touch(waiting, idle=True)
            await self._touch(busy, idle=self._outage())
            iteration_succeeded()
            await asyncio.sleep(self._idle_ms / 1000 / 3)

    async def _touch(self, ids: set[str], *, idle: bool) -> None:
        for page in parts_of(ids, _PAGE):
            await self._hold(self._partition, page, deliveries=1 if idle else None)

    async def let_go(self) -> None:
        """Release, on a clean stop, the entries that were fetched and not finished: they are charged no attempt, and
        free to be taken over at once."""
        for consumer in (self._reader, self._consumer):
            found = await self._redis.xpending_range(
                self._stream, WRITERS_GROUP, min="-", max="+", count=_HELD_MAX, consumername=consumer
            )
            held = [text(entry["message_id"]) for entry in found]
            if held:
                await self._hold(self._partition, held, deliveries=0, idle_ms=self._idle_ms)

    async def ours(self, ids: list[str]) -> set[str]:
        """Return those of `ids` that are pending here; other writers may have taken over the rest. Waits until the
        queue answers."""
        ask = partial(owners, self._redis, self._partition, ids)
        found = await retry_forever(self._asking, AWAY, ask, base_s=0.1, cap_s=_ASKED_AGAIN_S)
        return {entry_id for entry_id, owner in found.items() if owner in (self._reader, self._consumer)}

    async def take(self, ids: list[str]) -> None:
        """Take over those of `ids` that are silent, and handle them in bulk."""
        for page in parts_of(ids, page_size(_PAGE)):
            await self._pipeline.handle(await self._claimed(page))

    async def _take_over(self) -> None:
        """Take over all silent entries, page by page. Entries that this build does not know are left to others."""
        await self._claim.withdraw()
        seen: set[str] = set()
        after = "-"
        while silent := await self._silent(after):
            seen.update(entry.id for entry in silent)
            ours = self._unknown.ids.union(self._pipeline.in_hand, self._deferred.held())
            await self._take_page([entry for entry in silent if entry.id not in ours])
            after = f"({silent[-1].id}"
        await self._unknown.forget_settled(seen)

    async def _take_page(self, silent: list[_Silent]) -> None:
        if in_bulk := [entry.id for entry in silent if entry.unexplained < 2]:
            await self._try(in_bulk)
        for entry in silent:
            if entry.unexplained >= self._crashes_max:
                await self._bury(entry)
        if suspects := [entry.id for entry in silent if 2 <= entry.unexplained < self._crashes_max]:
            await self._take_alone(suspects)

    async def _take_alone(self, suspects: Sequence[str]) -> None:
        """Take over suspects one after another."""
        try:
            async with asyncio.timeout(self._idle_ms / 1000):
                await self._pipeline.alone.acquire()
        except TimeoutError:  # the suspect of a partition that is away is still in hand
            return
        try:
            for entry_id in suspects:
                await self._try([entry_id])
        finally:
            self._pipeline.alone.release()

    async def _try(self, ids: list[str]) -> None:
        """Take over those of `ids` that are silent. What this writer has survived is no crash, even if an entry waits
        now."""
        await self.take(ids)
        await self._touch(set(ids).intersection(self._deferred.held()), idle=True)

    async def _silent(self, after: str) -> list[_Silent]:
        found = await self._redis.xpending_range(
            self._stream, WRITERS_GROUP, min=after, max="+", count=_PAGE, idle=self._idle_ms
        )
        counts = await unexplained(self._redis, self._partition, found)
        return [_Silent(text(entry["message_id"]), count) for entry, count in zip(found, counts, strict=True)]

    async def _claimed(self, ids: list[str]) -> list[Entry]:
        """Claim those of `ids` that are still silent, and return them."""
        entries = await self._claim(ids, self._idle_ms)
        if entries:
            metrics.reclaimed.inc(len(entries))
            logs.warning(Action.ENTRIES_RECLAIMED, entries=len(entries), first=entries[0].id)
        return entries

    async def _bury(self, silent: _Silent) -> None:
        """Settle an entry as a crash loop, unless its operation has ended: its writer died after the commit."""
        claimed = await self._redis.xclaim(
            self._stream, WRITERS_GROUP, self._consumer, self._idle_ms, [silent.id], justid=True
        )
        if not claimed:
            return
        for entry_id, fields in entries_of(await self._redis.xrange(self._stream, silent.id, silent.id)):
            entry = Entry(entry_id, fields, self._partition)
            operation_id = raw_text(fields, b"operation_id")
            ended = await self._ended([operation_id]) if operation_id else {}
            message = f"delivered {silent.unexplained} times, and each time its writer died"
            outcome: Outcome = Dead(Reason.CRASH_LOOP, Failure("CrashLoop", "CRASH_LOOP", message))
            if operation_id in ended:
                await self._pipeline.handle([entry])
            else:
                await self._settle([Handled(entry, None, outcome)])

    async def _report_lost(self) -> None:
        cursor: bytes | str = "0-0"
        while True:
            cursor, _, lost = await self._redis.xautoclaim(
                self._stream, WRITERS_GROUP, self._consumer, _NEVER_MS, cursor, count=_PAGE
            )
            if lost:
                metrics.entries_lost.inc(len(lost))
                logs.error(Action.ENTRIES_LOST, entries=[text(entry_id) for entry_id in lost])
            if text(cursor) == "0-0":
                return
