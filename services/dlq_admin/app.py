"""App: wires dlq_admin, and determines the order in which connections, background loops, REST and the console start and
stop."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Never

from fastapi import FastAPI

from holdfast.services.dlq_admin import live, rest
from holdfast.services.dlq_admin.alerts.alerts import Alerts
from holdfast.services.dlq_admin.auditor.auditor import Auditor
from holdfast.services.dlq_admin.auditor.durability import Durability
from holdfast.services.dlq_admin.auditor.history import History
from holdfast.services.dlq_admin.auditor.sealer import Sealer
from holdfast.services.dlq_admin.auditor.sweeper import Sweeper
from holdfast.services.dlq_admin.auditor.uniqueness import Uniqueness
from holdfast.services.dlq_admin.backend import Backend, Rooms
from holdfast.services.dlq_admin.console.app import add_console
from holdfast.services.dlq_admin.console.login.logouts import Logouts
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.fail_fast_queue import FailFastQueue
from holdfast.services.dlq_admin.faults.board import FaultBoard
from holdfast.services.dlq_admin.faults.cache import FaultCache
from holdfast.services.dlq_admin.letters.indexer import Indexer
from holdfast.services.dlq_admin.letters.outbox import Outbox
from holdfast.services.dlq_admin.letters.reader import Reader
from holdfast.services.dlq_admin.letters.retention import Retention
from holdfast.services.dlq_admin.replays import annotation
from holdfast.services.dlq_admin.replays.keeper import Keeper
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.services.dlq_admin.replays.surroundings import SurroundingsReader
from holdfast.services.dlq_admin.replays.traces import Traces
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.faults import Fault
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.http import docs
from holdfast.shared.http.app import service_app
from holdfast.shared.http.forwarded import Addresses, networks
from holdfast.shared.http.health import Health
from holdfast.shared.http.keys import Keys
from holdfast.shared.http.server import QuietServer, config, listen
from holdfast.shared.letters.index import insert
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.resilience import failure_reporter
from holdfast.shared.resilience.supervise import start, stop
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.build import VERSION_WITHOUT_INSTALL
from holdfast.shared.runtime.redis import cache_client, queue_client, queue_replicas
from holdfast.shared.store.engine import engine_of
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.grafana.configured import annotations
from holdfast.shared.telemetry.loop_lag import watch

_HTTP_DRAIN_S = 2.0
_BACKGROUND_THREADS = 3
_AUDIT_THREADS = 2
_DESCRIPTION = (
    "Dead letters: see which writes died and why, and decide what becomes of them. Every request needs an API key."
)


class DlqAdmin:
    """One dlq_admin process. `run` serves until SIGTERM; `http` makes the application, also for documents and tests."""

    def __init__(self, settings: DlqAdminSettings) -> None:
        self._settings = settings
        self._keys = Keys(settings.keys_file, open_to_all=False)
        self._addresses = Addresses(networks(settings.dlq_trusted_proxies), settings.dlq_forwarded_header)
        self._annotations = annotations(settings)
        self._rooms = rooms = self._make_rooms()
        self._logouts = Logouts(rooms.cache)
        self._reader = Reader(rooms.queue, rooms.indexer, settings)

    def _make_rooms(self) -> Rooms:
        settings = self._settings
        queue, cache, database = queue_client(settings), cache_client(settings), _database(settings)
        partitions, replicas = Partitions(settings.queue_partitions), queue_replicas(settings)
        member = Member("dlq_admin", settings.instance, lambda: [database.breaker])
        board = Board(cache, member, watching=True)
        every_s = settings.dlq_audit_every_s
        history = History(
            queue,
            database,
            every_s=every_s,
            keep_s=settings.operations_keep_s,
            tombstones_keep_s=settings.tombstones_keep_s,
            key_lifetime_s=settings.api_key_lifetime_s,
            partitions=partitions,
        )
        sweeper = Sweeper(queue, database, partitions, replicas)
        sealer = Sealer(database, every_s=every_s)
        durability = Durability(queue, database, partitions)
        probes = (*history.probes, *sweeper.probes, *durability.probes, sealer.probe, Uniqueness(database).probe)
        keeper = Keeper(
            database,
            Sender(queue, replicas, partitions),
            Traces(queue, partitions),
            SurroundingsReader(queue, board.roster, partitions),
            instance=settings.instance,
            lease_s=settings.dlq_lease_s,
            notify=lambda one, ended: self._annotations.add(annotation.replay(one, ended=ended)),
        )
        indexer = Indexer(
            queue,
            f"{settings.instance}:reclaim",
            lambda letters: database.work(insert.index, letters),
            idle_s=settings.dlq_claim_idle_s,
            probe_cap_s=settings.dlq_probe_cap_s,
            partitions=partitions,
        )
        return Rooms(
            database=database,
            queue=queue,
            fail_fast_queue=FailFastQueue(queue),
            partitions=partitions,
            cache=cache,
            indexer=indexer,
            outbox=Outbox(queue, database, replicas, partitions),
            retention=Retention(database, settings),
            keeper=keeper,
            auditor=Auditor(
                queue,
                database,
                every_s=every_s,
                besides=probes,
                replicas=replicas,
                partitions=partitions,
            ),
            alerts=Alerts(cache, settings.dlq_alert_silence_s),
            faults=FaultBoard(FaultCache(cache), self._annotations),
            pictures=live.pictures(settings),
            board=board,
        )

    async def run(self) -> None:
        """Serve until SIGTERM, then finish the work in hand."""
        await self._reader.loop.own_the_signals()
        settings = self._settings
        http = config(
            self.http(), settings.listen_host, settings.dlq_port, drain_s=settings.drain_s, bounds=settings.bounds
        )
        server = QuietServer(http)
        sockets = [listen(settings.listen_host, port) for port in (settings.dlq_port, settings.dlq_metrics_port)]
        serving = asyncio.create_task(server.serve(sockets))
        await self._reader.loop.groups()
        loops = start(self._loops())
        memory.settle()
        logs.started(settings.ignored, instance=settings.instance)
        try:
            await self._reader.loop.run()
        finally:
            await self._stop(loops, serving, server)

    def _loops(self) -> Mapping[str, Callable[[], Awaitable[object]]]:
        rooms = self._rooms
        return {
            **rooms.partitions.each("reclaim", lambda one: partial(rooms.indexer.reclaiming, one)),
            "watch": self._reader.loop.watching,
            "outbox": rooms.outbox.run,
            "retention": rooms.retention.run,
            "fail_fast_queue": rooms.fail_fast_queue.run,
            "board": rooms.board.run,
            "database_prober": rooms.database.prober().run,
            "keeper": rooms.keeper.run,
            "annotations": self._annotations.run,
            "faults": rooms.faults.run,
            "event_loop_lag": watch,
            **rooms.auditor.loops(),
            "alerts": rooms.alerts.run,
            "logouts": self._logouts.run,
        }

    def http(self) -> FastAPI:
        """Make the application: REST and the console."""
        health = Health(
            "dlq_admin",
            live={"reading": self._reader.loop.progress},
            shown={"database": partial(failure_reporter.check, Fault)},
        )
        return service_app(
            health,
            title="Holdfast dlq_admin",
            description=_DESCRIPTION,
            version=VERSION_WITHOUT_INSTALL,
            timeout_s=self._settings.dlq_timeout_s,
            cors_origins=self._settings.cors_origins,
            add_routes=self._add_routes,
            keys=self._keys,
            addresses=self._addresses,
            metrics_port=self._settings.dlq_metrics_port,
            needs=rest.scope_needed,
            before_scrape=self._before_scrape,
        )

    def _before_scrape(self) -> None:
        self._rooms.board.member.breakers()
        self._rooms.faults.show()

    def _add_routes(self, app: FastAPI) -> None:
        backend = Backend(self._rooms, self._settings, self._keys)
        rest.add_routes(app, backend)
        docs.add_routes(app)
        add_console(app, backend, self._keys, self._logouts, self._addresses, self._settings)

    async def _stop(
        self, loops: Sequence[asyncio.Task[Never]], serving: asyncio.Task[None], server: QuietServer
    ) -> None:
        rooms = self._rooms
        await self._reader.stop(min(self._settings.drain_s, _HTTP_DRAIN_S))
        await stop(loops)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HTTP_DRAIN_S):
                await rooms.keeper.stop()
        server.should_exit = True
        await asyncio.wait([serving], timeout=_HTTP_DRAIN_S)
        await stop([serving])
        await rooms.pictures.close()
        await rooms.board.leave()
        for redis in (rooms.queue, rooms.cache):
            with contextlib.suppress(OSError):
                await redis.aclose()
        rooms.database.close()
        logs.stopped(instance=self._settings.instance)


def _database(settings: DlqAdminSettings) -> Database:
    """Make the database, with separate threads for operators' queries, background work and the auditor."""
    return Database(
        engine_of(settings),
        threads=settings.db_pool_size - _BACKGROUND_THREADS - _AUDIT_THREADS,
        background=_BACKGROUND_THREADS,
        audit=_AUDIT_THREADS,
        read_timeout_s=settings.dlq_read_timeout_s,
    )
