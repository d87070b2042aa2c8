"""dlq_admin, wired: dead letters into the table, and operators' questions about them answered."""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Never

from fastapi import FastAPI
from faststream import FastStream
from redis.asyncio import Redis

from holdfast.services.dlq_admin import (
    allowances,
    audit,
    discards,
    edits,
    exchange,
    groups,
    letters,
    overview,
    replays,
    requests,
    what_if,
    writers,
)
from holdfast.services.dlq_admin.access import scope_needed
from holdfast.services.dlq_admin.alerts import alerts
from holdfast.services.dlq_admin.alerts.alerts import Alerts
from holdfast.services.dlq_admin.allowances import Allowances
from holdfast.services.dlq_admin.auditor import routes as ledger
from holdfast.services.dlq_admin.auditor.auditor import Auditor
from holdfast.services.dlq_admin.auditor.history import History
from holdfast.services.dlq_admin.console.app import ConsoleSettings, add_console
from holdfast.services.dlq_admin.console.desk import Desk
from holdfast.services.dlq_admin.console.logouts import Logouts
from holdfast.services.dlq_admin.dashboards.pictures import Pictures
from holdfast.services.dlq_admin.dashboards.prometheus import Prometheus
from holdfast.services.dlq_admin.dashboards.read import read_all
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.discards import Discards
from holdfast.services.dlq_admin.dues import Dues
from holdfast.services.dlq_admin.edits import Edits
from holdfast.services.dlq_admin.exchange import Exchange
from holdfast.services.dlq_admin.fate import Fates
from holdfast.services.dlq_admin.faults import routes as faults
from holdfast.services.dlq_admin.faults.desk import FaultDesk
from holdfast.services.dlq_admin.faults.kept import Kept
from holdfast.services.dlq_admin.groups import Groups
from holdfast.services.dlq_admin.index import Indexer
from holdfast.services.dlq_admin.letters import Letters
from holdfast.services.dlq_admin.overview import Overview
from holdfast.services.dlq_admin.replay import mark
from holdfast.services.dlq_admin.replay.around import Around
from holdfast.services.dlq_admin.replay.keep import Keeper
from holdfast.services.dlq_admin.replay.send import Sender
from holdfast.services.dlq_admin.replay.traces import Traces
from holdfast.services.dlq_admin.replays import Replays
from holdfast.services.dlq_admin.requests import Requests
from holdfast.services.dlq_admin.retain import Retention
from holdfast.services.dlq_admin.running import Running
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.dlq_admin.what_if import WhatIfs
from holdfast.services.dlq_admin.writers import Writers
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.http import docs
from holdfast.shared.http.app import service_app
from holdfast.shared.http.forwarded import Addresses, networks
from holdfast.shared.http.health import Health
from holdfast.shared.http.keys import Keys
from holdfast.shared.http.server import QuietServer, config, listen
from holdfast.shared.letters.store import index
from holdfast.shared.letters.store.allowance import Rules
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import DEAD, DLQ_GROUP
from holdfast.shared.queue.reading import Reading
from holdfast.shared.queue.subscribe import subscriber_app
from holdfast.shared.queue.watch import Watch
from holdfast.shared.resilience.supervise import start, stop
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.build import VERSION_WITHOUT_INSTALL
from holdfast.shared.store.engine import Engine, Timeouts, make_engine
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.grafana.configured import annotations
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.loop_lag import watch

_DASHBOARDS = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards"
_BATCHES_MAX = 2
_BACKGROUND_THREADS = 3
_AUDIT_THREADS = 2
_HTTP_DRAIN_S = 2.0

_DESCRIPTION = "Dead letters: see what died and why, decide what becomes of it. Everything here needs an API key."


def stores(settings: DlqAdminSettings) -> tuple[Redis, Engine]:
    """Connections to both stores; made on first use."""
    redis = connect(settings.redis_addr, RedisTimeouts(settings.redis_connect_timeout_s, settings.redis_timeout_s))
    timeouts = Timeouts(
        settings.db_checkout_timeout_s, settings.db_connect_timeout_s, settings.db_timeout_s, settings.db_lock_wait_s
    )
    return redis, make_engine(settings.db_dsn, timeouts, settings.db_pool_size)


def pictures(settings: DlqAdminSettings) -> Pictures:
    """The live view's dashboards, and where its numbers come from."""
    timeout_s, url = settings.dlq_prometheus_timeout_s, settings.dlq_prometheus_url
    prometheus = Prometheus(url, timeout_s) if url else None
    return Pictures(read_all(settings.dlq_dashboards or _DASHBOARDS), prometheus, timeout_s)


class DlqAdmin:
    """Everything one dlq_admin process consists of."""

    def __init__(self, settings: DlqAdminSettings) -> None:
        self._settings = settings
        self._keys = Keys(settings.keys_file, open_to_all=False)
        self._addresses = Addresses(networks(settings.dlq_trusted_proxies), settings.dlq_forwarded_header)
        self._redis, engine = stores(settings)
        threads = settings.db_pool_size - _BACKGROUND_THREADS - _AUDIT_THREADS
        self._database = Database(
            engine,
            threads=threads,
            background=_BACKGROUND_THREADS,
            audit=_AUDIT_THREADS,
            read_timeout_s=settings.dlq_read_timeout_s,
        )
        self._indexer = Indexer(
            self._redis, f"{settings.instance}:reclaim", lambda letters: self._database.work(index.index, letters),
            idle_s=settings.dlq_claim_idle_s, probe_cap_s=settings.dlq_probe_cap_s,
        )  # fmt: skip
        self._dues = Dues(self._redis, self._database)
        self._retention = Retention(self._database, settings)
        self._cache = connect(settings.cache_address, RedisTimeouts(settings.cache_timeout_s, settings.cache_timeout_s))
        self._board = Board(
            self._cache, Member("dlq_admin", settings.instance, lambda: [self._database.breaker]), watching=True
        )
        self._alerts = Alerts(self._cache, settings.dlq_alert_silence_s)
        self._logouts = Logouts(self._cache)
        self._pictures = pictures(settings)
        self._annotations = annotations(settings)
        history = History(
            self._redis, self._database, every_s=settings.dlq_audit_every_s, keep_s=settings.operations_keep_s,
            key_lifetime_s=settings.api_key_lifetime_s,
        )  # fmt: skip
        self._auditor = Auditor(self._redis, self._database, every_s=settings.dlq_audit_every_s, besides=history.probes)
        self._faults = FaultDesk(Kept(self._cache), self._annotations)
        self._keeper = Keeper(
            self._database, Sender(self._redis), Traces(self._redis), Around(self._redis, self._board.roll),
            instance=settings.instance, lease_s=settings.dlq_lease_s,
            tell=lambda one, ended: self._annotations.say(mark.replay(one, ended=ended)),
        )  # fmt: skip
        self._watch = Watch(lambda: self._batches, settings.dlq_turn_max_s)
        self._reading = Reading(self._redis, self._make_reader, self._watch, probe_cap_s=settings.dlq_probe_cap_s)
        self._batches: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until SIGTERM; then finish what is in hand."""
        await self._reading.own_the_signals()
        settings = self._settings
        server = QuietServer(
            config(
                self.http(), settings.listen_host, settings.dlq_port, drain_s=settings.drain_s, bounds=settings.bounds
            )
        )
        sockets = [listen(settings.listen_host, port) for port in (settings.dlq_port, settings.dlq_metrics_port)]
        serving = asyncio.create_task(server.serve(sockets))
        await self._reading.groups()
        loops = start(
            {
                "reclaim": self._indexer.reclaiming,
                "watch": self._reading.watching,
                "dues": self._dues.run,
                "retention": self._retention.run,
                "board": self._board.run,
                "keeper": self._keeper.run,
                "annotations": self._annotations.run,
                "faults": self._faults.run,
                "event_loop_lag": watch,
                **self._auditor.loops(),
                "alerts": self._alerts.run,
                "logouts": self._logouts.run,
            }
        )
        memory.settle()
        logs.info(Action.SERVICE_STARTED, instance=settings.instance)
        try:
            await self._reading.run()
        finally:
            await self._stop(loops, serving, server)

    def http(self) -> FastAPI:
        """The HTTP side."""
        health = Health(
            "dlq_admin",
            live={"reading": self._watch.progress},
            shown={"database": lambda: (not self._indexer.holding, self._indexer.holding)},
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
            needs=scope_needed,
            before_scrape=self._before_scrape,
        )

    def _before_scrape(self) -> None:
        self._board.member.breakers()
        self._faults.show()

    def _add_routes(self, app: FastAPI) -> None:
        running = Running(self._redis)
        settings = self._settings
        its_writers = Writers(self._redis, running, self._database)
        rules = Rules(settings.dlq_approve_over, settings.dlq_approve_window_s)
        desk = Desk(
            Overview(
                self._database,
                self._redis,
                its_writers,
                self._indexer,
                self._retention,
                self._board,
                self._auditor.ledger,
            ),
            Groups(self._database, running),
            Letters(self._database, self._redis, running),
            Discards(self._database, self._dues, most=settings.dlq_bulk_max, rules=rules),
            WhatIfs(self._database, most=settings.dlq_transform_max),
            Edits(self._database, most=settings.dlq_transform_max, rules=rules),
            Replays(self._database, self._keeper, most=settings.dlq_bulk_max, rules=rules),
            Exchange(self._database, import_max_bytes=settings.dlq_import_max_bytes),
            self._database,
            Requests(self._cache, Fates(self._redis, self._database), settings.explain_keep_s),
            self._pictures,
            self._alerts,
            Allowances(self._database, rules),
            its_writers,
        )
        overview.add_routes(app, desk.overview)
        groups.add_routes(app, desk.groups)
        letters.add_routes(app, desk.letters)
        discards.add_routes(app, desk.discards)
        what_if.add_routes(app, desk.what_ifs)
        edits.add_routes(app, desk.edits)
        replays.add_routes(app, desk.replays)
        exchange.add_routes(app, desk.exchange)
        audit.add_routes(app, self._database)
        allowances.add_routes(app, desk.allowances)
        faults.add_routes(app, self._faults)
        requests.add_routes(app, desk.requests)
        writers.add_routes(app, desk.writers)
        ledger.add_routes(app, self._auditor.ledger)
        alerts.add_routes(app, self._alerts)
        docs.add_routes(app)
        secret = settings.dlq_session_secret
        add_console(
            app, desk, self._keys, self._logouts, self._addresses,
            ConsoleSettings(
                secret.get_secret_value() if secret else None, settings.dlq_session_s, settings.dlq_session_max_s,
                settings.dlq_runbook_base,
            ),
        )  # fmt: skip

    def _make_reader(self) -> FastStream:
        settings = self._settings
        return subscriber_app(
            settings.redis_addr, DEAD, DLQ_GROUP, settings.instance, self._take, self._watch,
            batch_max=settings.dlq_batch_max, block_ms=settings.dlq_block_ms, timeout_s=settings.redis_timeout_s,
        )  # fmt: skip

    async def _take(self, entries: list[Entry]) -> None:
        """Begin on a batch; comes back when there is room for another, or nothing more is to be begun."""
        task = asyncio.create_task(self._indexer.handle(entries))
        self._batches.add(task)
        task.add_done_callback(self._batch_done)
        while len(self._batches) >= _BATCHES_MAX and not self._reading.stopping:
            await asyncio.wait(self._batches, return_when=asyncio.FIRST_COMPLETED, timeout=0.2)

    def _batch_done(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logs.error(Action.BATCH_FAILED, exc=error)  # its entries stay pending: the reclaim loop brings them back

    async def _stop(
        self, loops: Sequence[asyncio.Task[Never]], serving: asyncio.Task[None], server: QuietServer
    ) -> None:
        if self._batches:
            await asyncio.wait(self._batches, timeout=min(self._settings.drain_s, _HTTP_DRAIN_S))
        await stop([*self._batches, *loops])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HTTP_DRAIN_S):
                await self._keeper.stop()
        server.should_exit = True
        await asyncio.wait([serving], timeout=_HTTP_DRAIN_S)
        await stop([serving])
        await self._pictures.close()
        await self._board.leave()
        for redis in (self._redis, self._cache):
            with contextlib.suppress(OSError):
                await redis.aclose()
        self._database.close()
        logs.info(Action.SERVICE_STOPPED, instance=self._settings.instance)
