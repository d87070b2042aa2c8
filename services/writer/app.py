"""App: wires the writer: a reader for each partition, one pipeline, and the loops beside them."""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Never

from fastapi import FastAPI
from faststream import FastStream

from holdfast.services.writer import heartbeat
from holdfast.services.writer.apply import Applier
from holdfast.services.writer.dead_share import DeadShare
from holdfast.services.writer.deaths import Deaths
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.halting import Halting
from holdfast.services.writer.hold import Hold, database_breaker
from holdfast.services.writer.locked_rows import LockedRows
from holdfast.services.writer.pace import Pace
from holdfast.services.writer.pipeline import TRANSACTIONS_AT_ONCE, Pipeline
from holdfast.services.writer.reaper import reaping
from holdfast.services.writer.reclaim import Reclaimer
from holdfast.services.writer.settings import WriterSettings
from holdfast.services.writer.settle import Settler
from holdfast.services.writer.traced import traced
from holdfast.services.writer.unknown import Unknown
from holdfast.shared.cache.copies import Copies, cache_breaker
from holdfast.shared.cache.form import named
from holdfast.shared.cache.refresh import Refresher
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.http.server import QuietServer, config
from holdfast.shared.queue.asking import ask_each
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.halts import Halts
from holdfast.shared.queue.names import WRITERS, WRITERS_GROUP
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.queue.plausible import Plausible
from holdfast.shared.queue.presence import Presence
from holdfast.shared.queue.readings import Readings
from holdfast.shared.queue.subscribe import subscriber_app
from holdfast.shared.queue.watch import Watch
from holdfast.shared.resilience.breaker.prober import Probe, Prober
from holdfast.shared.resilience.failure_reporter import AWAY, FailureReporter
from holdfast.shared.resilience.pool import Pool
from holdfast.shared.resilience.supervise import start, stop
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.build import VERSION_WITHOUT_INSTALL
from holdfast.shared.runtime.redis import cache_client, queue_client
from holdfast.shared.store import apply as store
from holdfast.shared.store.control import control_write
from holdfast.shared.store.deaths import Dying, GivenUp, give_up
from holdfast.shared.store.engine import engine_of, reading
from holdfast.shared.store.load import load_ended
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.loop_lag import watch
from holdfast.shared.writes.decide import Delivery, Ended
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Outcome

_DEFERRED_MAX = 5000
_BATCHES_MAX = 4
_FULL_PAUSE_S = 0.1
_HTTP_DRAIN_S = 1.0


class Writer:
    """All parts of one writer process."""

    def __init__(self, settings: WriterSettings) -> None:
        self._settings = settings
        #: The batches in hand, each with its partition.
        self._batches: dict[asyncio.Task[None], Partition] = {}
        self._batches_crashed = metrics.loop_crashes.labels("batch")
        self._thread = Pool("database", TRANSACTIONS_AT_ONCE + 1)
        self._redis = queue_client(settings)
        self._partitions = Partitions(settings.queue_partitions)
        self._cache = cache_client(settings)
        of_the_cache = cache_breaker(settings.cache_timeout_s)
        self._cache_prober = Prober(Probe(of_the_cache, self._cache.ping))
        copies = Copies(self._cache, of_the_cache, hard_s=settings.cache_hard_s, in_process_max=0)
        self._refresher = Refresher(copies, settings.cache_soft_s)
        self._engine = engine_of(settings)
        self._deferred = Deferred(
            settings.writer_patience_s, settings.writer_backoff_base_s, settings.writer_backoff_cap_s
        )
        breaker = database_breaker(settings.db_timeout_s)
        self._board = Board(self._cache, Member("writer", settings.instance, lambda: [breaker, of_the_cache]))
        self._hold = Hold(breaker, self._control_write)
        share = DeadShare(
            settings.writer_dead_share_max, settings.writer_dead_share_over, settings.writer_halt_pause_max_s
        )
        self._halting = Halting(share, self._deferred, lambda: self._hold.active)
        pace = Pace(settings.writer_batch_max, target_s=settings.writer_pace_target_s)
        settle = Settler(
            self._redis,
            self._deferred,
            self._halting,
            Deaths(self._give_up, self._deferred),
            writer=settings.instance,
            attempts_max=settings.writer_attempts_max,
            probe_cap_s=settings.writer_probe_cap_s,
            partitions=self._partitions,
        )
        self._releases = settle.releases
        apply = Applier(LockedRows(self._transaction), self._thread, breaker, self._hold, pace)
        self._unknown = Unknown(
            self._redis,
            settings.instance,
            idle_s=settings.writer_claim_idle_s,
            patience_s=settings.writer_unknown_patience_s,
            partitions=self._partitions,
        )
        self._pipeline = Pipeline(
            Plausible(self._redis).of, traced(apply), settle, self._unknown.met, settings.writer_batch_max
        )
        self._reclaimers = [self._reclaimer(partition, settle) for partition in self._partitions]
        self._reading = Readings(
            self._redis,
            self._partitions,
            self._make_reader,
            lambda: self._pipeline.in_hand or self._full,
            turn_max_s=settings.writer_turn_max_s,
            probe_cap_s=settings.writer_probe_cap_s,
        )

    def _reclaimer(self, partition: Partition, settle: Settler) -> Reclaimer:
        return Reclaimer(
            self._redis,
            self._settings.instance,
            self._pipeline,
            self._deferred,
            self._unknown,
            settle,
            self._ended,
            lambda: self._hold.active,
            idle_s=self._settings.writer_claim_idle_s,
            crashes_max=self._settings.writer_crashes_max,
            partition=partition,
        )

    def _trying(self, partition: Partition) -> "partial[Coroutine[Any, Any, None]]":
        return partial(self._deferred.run, self._pipeline, self._reclaimers[partition.number].ours, partition)

    async def run(self) -> None:
        """Run until SIGTERM, then finish the batches in hand."""
        self._loop = asyncio.get_running_loop()
        await self._reading.own_the_signals()
        settings, partitions = self._settings, self._partitions
        http = config(self.http(), settings.listen_host, settings.writer_port, drain_s=1, bounds=settings.bounds)
        server = QuietServer(http)
        serving = asyncio.create_task(server.serve())
        await self._reading.groups()
        loops = start(
            {
                "database": self._hold.prober().run,
                "cache": self._cache_prober.run,
                "board": self._board.run,
                **partitions.each("deferred", self._trying),
                **partitions.each("reclaim", lambda one: self._reading.minding(one, self._reclaimers[one.number].run)),
                **partitions.each("keep_alive", lambda one: self._reclaimers[one.number].keep_alive),
                "unknown": lambda: self._unknown.run(self._take_over, lambda: self._halting.halted),
                "halting": lambda: self._halting.run(Halts(self._redis), self._settings.instance),
                "watch": self._reading.watching,
                "event_loop_lag": watch,
                "reaper": lambda: reaping(self._redis, partitions),
                "refresher": self._refresher.run,
                **({"releases": self._releases.run} if self._releases else {}),
                "presence": Presence(self._redis, WRITERS, self._settings.instance).run,
            }
        )
        memory.settle()
        logs.started(self._settings.ignored, writer=self._settings.instance)
        try:
            await self._reading.run()
        finally:
            await self._stop(loops, serving, server)

    async def _take_over(self, ids: list[str]) -> None:
        """Take over entries in the partitions that answer; the loops of the other partitions report the failure."""
        await ask_each(self._partitions, lambda one: self._reclaimers[one.number].take(ids))

    def _make_reader(self, partition: Partition, watch: Watch) -> FastStream:
        settings = self._settings
        return subscriber_app(
            settings.redis_addr,
            partition.writes,
            WRITERS_GROUP,
            settings.instance,
            self._take,
            watch,
            batch_max=settings.writer_batch_max,
            block_ms=settings.writer_block_ms,
            timeout_s=settings.redis_timeout_s,
            partition=partition,
        )

    @property
    def _full(self) -> bool:
        """Whether nothing more may be taken in hand for now."""
        return len(self._deferred.held()) > _DEFERRED_MAX or self._halting.halted

    async def _take(self, entries: list[Entry]) -> None:
        """Start to handle a batch. Returns when there is room for another: one batch is applied while the next is
        decoded and the previous one is settled."""
        heartbeat.consumed(entries)
        while self._full and not self._reading.stopping:
            if self._halting.halted:  # held back, they may be among the entries that are tried
                for entry in entries:
                    self._deferred.hold_back(entry, dying=False)
                entries = []
            await asyncio.sleep(_FULL_PAUSE_S)
        if self._full or not entries:
            return
        task = asyncio.create_task(self._handle(entries))
        self._batches[task] = partition = entries[0].partition
        task.add_done_callback(self._batches.pop)
        # A partition may always have one batch: the batches of another may wait for as long as its server is away.
        while len(self._batches) >= _BATCHES_MAX and list(self._batches.values()).count(partition) > 1:
            await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED)

    async def _handle(self, entries: list[Entry]) -> None:
        try:
            await self._pipeline.handle(entries)
        except Exception as error:  # noqa: BLE001 - the entries stay pending; the reclaim loop brings them back
            self._batches_crashed.inc()
            logs.error(Action.BATCH_FAILED, exc=error, entries=len(entries))

    def _transaction(self, batch: list[Delivery], *, past_locks: bool) -> list[Outcome]:
        return store.apply(self._engine, batch, self._deferred.patient, self._changed, past_locks=past_locks)

    def _changed(self, entities: Iterable[Entity]) -> None:
        """Renew the copies of committed entities, in the background. Called from a thread."""
        self._loop.call_soon_threadsafe(self._refresher.renew, named(entities, time.time()))

    async def _control_write(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, control_write, self._engine)

    async def _give_up(self, dying: list[Dying]) -> GivenUp:
        return await asyncio.get_running_loop().run_in_executor(self._thread, give_up, self._engine, dying)

    async def _ended(self, operation_ids: list[str]) -> dict[str, Ended]:
        def look() -> dict[str, Ended]:
            with reading(self._engine) as connection:
                return load_ended(connection, operation_ids)

        return await asyncio.get_running_loop().run_in_executor(self._thread, look)

    def http(self) -> FastAPI:
        """Return the application for health and metrics."""
        health = Health(
            "writer",
            live={"reading": self._reading.progress},
            ready={"dead_share": self._halting.check},
            shown={"database": self._hold.check},
        )
        return service_app(
            health,
            title="Holdfast writer",
            description="Health and metrics.",
            version=VERSION_WITHOUT_INSTALL,
            before_scrape=self._board.member.breakers,
            cors_origins=self._settings.cors_origins,
        )

    async def _stop(
        self, loops: Sequence[asyncio.Task[Never]], serving: asyncio.Task[None], server: QuietServer
    ) -> None:
        if self._batches:
            await asyncio.wait(self._batches, timeout=self._settings.drain_s)
        await stop(loops)
        for reclaimer in self._reclaimers:
            with FailureReporter("let_go", once=True).suppressing(*AWAY):
                await reclaimer.let_go()
        server.should_exit = True
        await asyncio.wait([serving], timeout=_HTTP_DRAIN_S)
        await stop([serving])
        await self._board.leave()
        await self._redis.aclose()
        await self._cache.aclose()
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
        logs.stopped(writer=self._settings.instance)
