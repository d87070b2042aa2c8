"""App: wires the parts of the api together, with its routes and its background loops."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

from fastapi import FastAPI
from redis.exceptions import RedisError
from starlette.middleware import Middleware

from holdfast.services.api import external, operations, overrides, resources, status
from holdfast.services.api.accept_parts import accepting
from holdfast.services.api.access import scope_needed
from holdfast.services.api.backlog import Backlog
from holdfast.services.api.breakers import make_breakers
from holdfast.services.api.database import Database
from holdfast.services.api.deletions import Deletions
from holdfast.services.api.direct import DirectPath
from holdfast.services.api.external import External
from holdfast.services.api.floor import Floor
from holdfast.services.api.heartbeat import Heartbeats
from holdfast.services.api.idempotency import KeyIds
from holdfast.services.api.key_handover import KeyHandover
from holdfast.services.api.override_marks import OverrideMarks
from holdfast.services.api.probers import probers
from holdfast.services.api.rate_limit import Clients, RateLimit
from holdfast.services.api.rate_limit_count import Counts
from holdfast.services.api.settings import ApiSettings
from holdfast.services.api.shed import Lag, Shed
from holdfast.services.api.view import View
from holdfast.services.api.wait import Waiters
from holdfast.services.api.write import WritePath
from holdfast.services.api.writers_know import WritersKnow
from holdfast.shared.cache.copies import Copies
from holdfast.shared.cache.form import named
from holdfast.shared.cache.last_good import LastGood
from holdfast.shared.cache.refresh import Refresher
from holdfast.shared.domain.registry import domain
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.http import docs
from holdfast.shared.http.app import service_app
from holdfast.shared.http.client import HttpClient
from holdfast.shared.http.edge import count_from_zero
from holdfast.shared.http.explain.explanations import explanations
from holdfast.shared.http.failures.published import Publisher
from holdfast.shared.http.failures.table import FailureTable
from holdfast.shared.http.forwarded import Addresses, networks
from holdfast.shared.http.health import Health, closed
from holdfast.shared.http.json_bytes import DEPTH_MAX
from holdfast.shared.http.keys import Keys
from holdfast.shared.queue.agreement import agree
from holdfast.shared.queue.build import build
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.names import APIS
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.queue.presence import Presence
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry import retry_forever
from holdfast.shared.resilience.supervise import start, stop
from holdfast.shared.runtime import memory
from holdfast.shared.runtime.build import VERSION_WITHOUT_INSTALL
from holdfast.shared.runtime.redis import cache_client, queue_client, queue_replicas
from holdfast.shared.runtime.time_budgets import EXTERNAL_COPY_KEPT_S, RATE_LIMIT_TIMEOUT_S
from holdfast.shared.store.engine import engine_of
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.grafana.configured import annotations
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.loop_lag import watch
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.versions import Clock

_IN_PROCESS_COPIES = 10_000
#: Levels of nesting that the proxy's envelope adds to the third party's document.
_ENVELOPE_DEPTH = 4

#: A request that takes this share of the longest wait for the database is taken for one whose dependency hangs.
_SLOW_SHARE = 0.8

_DESCRIPTION = """An API that keeps its promises while the things behind it fail.

Writes are **accepted** (`202`, on disk) and take effect exactly once, in the order of acceptance.
`/operations/{id}` shows what became of a write. Send `Prefer: wait=5` to wait for its outcome, and an `Idempotency-Key`
to make retries safe. Every answer, including errors, has the same envelope.
"""


def make_app(settings: ApiSettings) -> FastAPI:
    """Return the application. Its connections are made on first use."""
    return Api(settings).app()


class Api:
    """All parts of one api process."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._breakers = make_breakers(
            database_timeout_s=settings.api_read_timeout_s,
            database_write_timeout_s=settings.db_timeout_s,
            queue_timeout_s=settings.redis_connect_timeout_s + settings.redis_timeout_s,
            cache_timeout_s=settings.cache_timeout_s,
            open_s=settings.api_breaker_open_s,
            external_timeout_s=settings.api_timeout_s,
            replicas=settings.queue_replicas > 0,
            partitions=settings.queue_partitions,
        )
        self._addresses = Addresses(networks(settings.api_trusted_proxies), settings.api_forwarded_header)
        self._redis = queue_client(settings)
        self._partitions = Partitions(settings.queue_partitions)
        self._cache = cache_client(settings)
        self._limits = cache_client(settings, RATE_LIMIT_TIMEOUT_S)
        self._replicas = queue_replicas(settings)
        self._database = Database(
            engine_of(settings),
            engine_of(settings, transactions=False),
            settings.db_pool_size,
            self._breakers.database,
            self._breakers.database_writes,
            settings.api_read_timeout_s,
        )
        self._annotations = annotations(settings)
        self._marks = OverrideMarks(self._annotations)
        self._board = Board(
            self._cache,
            Member("api", settings.instance, self._breakers.all),
            watching=True,
            on_order=self._marks.received,
        )
        self._explanations = explanations(self._cache, "api", settings)
        self._failures = FailureTable(build(), Clients(self._addresses).name, settings.lookup_secret)
        self._lag = Lag()
        self._reads()
        self._writes()
        self._external()

    def _reads(self) -> None:
        settings, breakers = self._settings, self._breakers
        copies = Copies(self._cache, breakers.cache, hard_s=settings.cache_hard_s, in_process_max=_IN_PROCESS_COPIES)
        self._refresher = Refresher(copies, settings.cache_soft_s)
        self._deletions = Deletions(self._database, self._cache, breakers.cache, copies, hard_s=settings.cache_hard_s)
        self._view = View(
            self._redis,
            breakers.queue,
            self._database,
            copies,
            self._refresher,
            stale_max_s=settings.api_stale_max_s,
            read_timeout_s=settings.api_read_timeout_s,
            secret=settings.lookup_secret,
            partitions=self._partitions,
        )

    def _writes(self) -> None:
        settings, queue = self._settings, self._breakers.queue
        clock = Clock()
        self._floor = Floor(self._database, clock)
        acceptor = accepting(
            settings, self._redis, self._partitions, clock, self._floor, self._breakers, self._replicas
        )
        self._waiters = Waiters(self._redis, settings.instance, self._partitions)
        most, age_max_s = settings.api_backlog_max, settings.api_backlog_age_max_s
        self._backlog = Backlog(
            self._redis, clock, queue, depth_max=most, wait_max_s=age_max_s, partitions=self._partitions
        )
        self._heartbeats = Heartbeats(
            self._redis, acceptor, self._backlog, every_s=settings.api_heartbeat_s, partitions=self._partitions
        )
        direct = DirectPath(self._database, clock, self._floor, self._changed)
        lifetime_s, replicas = settings.api_key_lifetime_s, self._replicas
        self._handover = KeyHandover(self._redis, queue, self._database, clock, lifetime_s, replicas, self._partitions)
        self._writers_know = WritersKnow(self._redis)
        self._path = WritePath(
            self._writers_know,
            acceptor,
            self._waiters,
            self._view,
            self._database,
            direct,
            self._backlog,
            KeyIds(settings.idempotency_secret),
            self._handover,
            settings.api_wait_max_s,
        )

    def _changed(self, entities: Iterable[Entity]) -> None:
        """Renew the copies of committed entities, in the background. Called from a thread."""
        self._loop.call_soon_threadsafe(self._refresher.renew, named(entities, time.time()))

    def _external(self) -> None:
        settings = self._settings
        self._last_good = LastGood(self._cache, "external", hard_s=EXTERNAL_COPY_KEPT_S)
        self._proxy = HttpClient(
            "external_proxy",
            str(settings.api_external_proxy_url),
            in_flight_max=settings.api_external_in_flight_max,
            depth_max=DEPTH_MAX + _ENVELOPE_DEPTH,
        )
        self._hop = External(self._proxy, self._breakers.external_proxy, self._last_good)

    def app(self) -> FastAPI:
        """Return the application with its middleware, its routes and its lifespan."""
        settings = self._settings
        counts = Counts(self._limits, self._breakers.limits, time.monotonic)
        app = service_app(
            Health("api", shown={str(breaker.name): closed(breaker) for breaker in self._breakers.all()}),
            title="Holdfast",
            description=_DESCRIPTION,
            version=VERSION_WITHOUT_INSTALL,
            lifespan=self._life,
            add_routes=self._add_routes,
            timeout_s=settings.api_timeout_s,
            wait_max_s=settings.api_wait_max_s,
            cors_origins=settings.cors_origins,
            keys=Keys(settings.keys_file, open_to_all=settings.profile == "demo"),
            addresses=self._addresses,
            explanations=self._explanations,
            failures=self._failures,
            needs=scope_needed,
            before_scrape=self._board.member.breakers,
            before_keys=[Middleware(Shed, self._lag, _SLOW_SHARE * settings.api_read_timeout_s)],
            after_keys=[Middleware(RateLimit, counts, Clients(self._addresses), settings.rates_per_min)],
        )
        count_from_zero(app.routes)
        return app

    def _add_routes(self, app: FastAPI) -> None:
        for resource in domain().resources:
            resources.add_routes(app, resource, self._path, self._view)
        operations.add_routes(app, self._view)
        status.add_routes(app, self._board, demo=self._settings.profile == "demo")
        overrides.add_routes(app, self._board, self._redis, self._marks)
        external.add_routes(app, self._hop)
        docs.add_routes(app)

    @contextlib.asynccontextmanager
    async def _life(self, _: FastAPI) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        logs.started(self._settings.ignored, profile=self._settings.profile)
        if self._settings.profile == "demo":
            logs.warning(Action.OPEN_TO_ALL)
        redises = self._redis, self._cache, self._limits
        loops = start(
            {
                "floor": self._floor.run,
                "waiters": self._waiters.listen,
                "refresher": self._refresher.run,
                "last_good": self._last_good.run,
                "backlog": self._backlog.run,
                "deletions": self._deletions.run,
                "key_handover": self._handover.run,
                "heartbeat": self._heartbeats.run,
                "board": self._board.run,
                "writers_know": self._writers_know.run,
                "presence": Presence(self._redis, APIS, self._settings.instance).run,
                "annotations": self._annotations.run,
                "failures": Publisher(self._cache, self._failures, "api", self._settings.instance, build()).run,
                **({"explanations": self._explanations.run} if self._explanations else {}),
                "event_loop_lag": lambda: watch(self._lag.sampled),
                **probers(self._breakers, self._database, *redises, self._hop, self._replicas, self._partitions),
            }
        )
        groups = asyncio.create_task(self._groups())
        memory.settle()
        yield
        await stop([*loops, groups])
        if self._explanations:
            await self._explanations.flush()
        await self._board.leave()
        await self._proxy.close()
        for redis in redises:
            await redis.aclose()
        self._database.close()
        await asyncio.to_thread(spans.end)  # here, because uvicorn then ends the process with the signal it received
        logs.stopped()

    async def _groups(self) -> None:
        """Create the consumer groups as soon as the queue answers."""

        async def make() -> None:
            await agree(self._redis, len(self._partitions))
            await ensure_groups(self._redis, self._partitions)

        await retry_forever(FailureReporter("groups"), (RedisError, OSError), make, base_s=0.2, cap_s=5)
