"""A crew of writers: several instances of the real pipeline, applier, settler and store, without the reading loops.

The tests decide which writer is given which entry, and when. A reading loop cannot be made to do that.
"""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from redis.asyncio import Redis

from holdfast.services.writer.apply import Applier
from holdfast.services.writer.dead_share import DeadShare
from holdfast.services.writer.deaths import Deaths
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.halting import Halting
from holdfast.services.writer.hold import Hold, database_breaker
from holdfast.services.writer.locked_rows import LockedRows
from holdfast.services.writer.pace import Pace
from holdfast.services.writer.pipeline import Pipeline
from holdfast.services.writer.settle import Settler
from holdfast.shared.connections.redis import text
from holdfast.shared.queue.codec import UnknownWrite
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import WRITES
from holdfast.shared.queue.plausible import Plausible
from holdfast.shared.store.apply import apply
from holdfast.shared.store.deaths import Dying, GivenUp, give_up
from holdfast.shared.store.engine import Engine
from holdfast.shared.writes.decide import Delivery, Patience
from holdfast.shared.writes.outcome import Dead, Outcome, Retry

_PATIENCE_S = 600.0
_ROUNDS_MAX = 60


class Crew:
    """Writers with an engine each. `patience` None: each writer uses its own, which asks Redis for the entries in
    flight."""

    def __init__(
        self,
        redis: Redis,
        engines: Sequence[Engine],
        threads: ThreadPoolExecutor,
        patience: Patience | None,
        batch_max: int,
    ) -> None:
        self._redis = redis
        self._batch_max = batch_max
        self._pipelines = [
            self._writer(f"writer-{number}", engine, threads, patience) for number, engine in enumerate(engines)
        ]
        #: Every entry ever seen on the stream, including settled ones.
        self.seen: dict[str, Entry] = {}

    def _writer(self, name: str, engine: Engine, threads: ThreadPoolExecutor, patience: Patience | None) -> Pipeline:
        deferred = Deferred(_PATIENCE_S, base_s=0.2, cap_s=10)

        def transaction(batch: list[Delivery], *, past_locks: bool) -> list[Outcome]:
            return apply(engine, batch, patience or deferred.patient, lambda _: None, past_locks=past_locks)

        async def never_down() -> None:
            raise AssertionError("nothing is down here")

        async def given_up(dying: list[Dying]) -> GivenUp:
            return await asyncio.get_running_loop().run_in_executor(threads, give_up, engine, dying)

        def never_unknown(_entry_id: str, error: UnknownWrite) -> Dead | Retry:
            raise AssertionError(error)

        halting = Halting(DeadShare(1.0, 1000, pause_max_s=1), deferred, lambda: False)
        deaths = Deaths(given_up, deferred)
        settle = Settler(self._redis, deferred, halting, deaths, writer=name, attempts_max=5, probe_cap_s=1)
        breaker = database_breaker(timeout_s=5)
        pace = Pace(self._batch_max, target_s=5)
        applier = Applier(LockedRows(transaction), threads, breaker, Hold(breaker, never_down), pace)
        return Pipeline(Plausible(self._redis).of, applier, settle, never_unknown, self._batch_max)

    async def on_stream(self) -> list[Entry]:
        """Return the entries that are not settled."""
        entries = [Entry(text(id), fields) for id, fields in await self._redis.xrange(WRITES)]
        self.seen |= {entry.id: entry for entry in entries}
        return entries

    async def deliver_oldest(self) -> None:
        """Deliver the entry that has waited longest, alone."""
        await self._pipelines[0].handle((await self.on_stream())[:1])

    async def deliver_some(self, count: int, chance: random.Random) -> None:
        """Deliver `count` entries, perhaps with settled ones among them, in any order, to any writers."""
        await self.on_stream()
        known = list(self.seen.values())
        if known and count:
            await self._deliver(chance.choices(known, k=count), chance)

    async def send_copies(self, count: int, chance: random.Random) -> None:
        """Put `count` entries on the stream a second time, as a replay does."""
        await self.on_stream()
        for entry in chance.choices(list(self.seen.values()), k=count):
            await self.send_again(entry)

    async def send_again(self, entry: Entry) -> None:
        """Add a copy of `entry` to the stream, as a new entry."""
        await self._redis.xadd(WRITES, dict(entry.fields))

    async def drain(self, chance: random.Random) -> None:
        """Deliver until the stream is empty."""
        for _ in range(_ROUNDS_MAX):
            left = await self.on_stream()
            if not left:
                return
            await self._deliver(chance.sample(left, len(left)), chance)
        raise AssertionError(f"never over: {left}")

    async def _deliver(self, entries: list[Entry], chance: random.Random) -> None:
        """Deliver entries in random batches to random writers, all at once or one after the other."""
        batches, largest = [], chance.choice([1, 2, len(entries)])
        while entries:
            size = chance.randint(1, min(largest, len(entries)))
            batches.append((chance.choice(self._pipelines), entries[:size]))
            entries = entries[size:]
        if chance.random() < 0.5:
            await asyncio.gather(*(pipeline.handle(batch) for pipeline, batch in batches))
        else:
            for pipeline, batch in batches:
                await pipeline.handle(batch)
