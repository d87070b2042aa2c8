"""The api, wired."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial

from fastapi import FastAPI
from redis.exceptions import RedisError
from starlette.middleware import Middleware

from services.api import external, operations, overrides, status, users
from services.api.accept import Acceptor
from services.api.access import scope_needed
from services.api.backlog import Backlog
from services.api.breakers import LIMITS_TIMEOUT_S, make_breakers
from services.api.database import Database
from services.api.direct import DirectPath
from services.api.external import External
from services.api.rate_limit import RateLimit
from services.api.rate_limit_client import Clients, networks
from services.api.rate_limit_count import Counts
from services.api.settings import ApiSettings
from services.api.shed import Shed
from services.api.shed_lag import Lag, watch
from services.api.view import View
from services.api.wait import Waiters
from services.api.write import WritePath
from shared import logs, memory
from shared.breaker.breaker import Breaker
from shared.breaker.snapshot import State
from shared.build import VERSION_WITHOUT_INSTALL
from shared.cache.copies import Copies
from shared.cache.last_good import LastGood
from shared.cache.refresh import Refresher
from shared.fleet.board import Board
from shared.fleet.member import Member
from shared.http.app import service_app
from shared.http.client import HttpClient
from shared.http.health import Health
from shared.http.keys import Keys
from shared.logs import Action
from shared.queue.connection import RedisTimeouts, connect
from shared.queue.groups import ensure_groups
from shared.retry import again_on
from shared.store.engine import Timeouts, make_engine
from shared.supervise import forever
from shared.versions import Clock

_IN_PROCESS_COPIES = 10_000
_EXTERNAL_KEPT_S = 86_400.0

#: A request that took this share of the longest wait for the database had something behind it that hung.
_SLOW_SHARE = 0.8

_DESCRIPTION = """A users API that keeps its promises while the things behind it fail.

Writes are **accepted** (`202`, on disk) and take effect exactly once, in the order of acceptance. Ask
`/operations/{id}` what became of one, send `Prefer: wait=5` to be told at once, and an `Idempotency-Key` to make
sending again safe. Every answer, errors included, has the same envelope.
"""


def make_app(settings: ApiSettings) -> FastAPI:
    """The application, its connections made on first use."""
    redis = connect(settings.redis_addr, RedisTimeouts(settings.redis_connect_timeout_s, settings.redis_timeout_s))
    cache = connect(settings.cache_address, RedisTimeouts(settings.cache_timeout_s, settings.cache_timeout_s))
    timeouts = Timeouts(
        settings.db_checkout_timeout_s, settings.db_connect_timeout_s, settings.db_timeout_s, settings.db_lock_wait_s
    )
    breakers = make_breakers(
        database_timeout_s=settings.api_read_timeout_s,
        queue_timeout_s=settings.redis_connect_timeout_s + settings.redis_timeout_s,
        cache_timeout_s=settings.cache_timeout_s,
        open_s=settings.api_breaker_open_s,
        external_timeout_s=settings.api_timeout_s,
    )
    engine = make_engine(settings.db_dsn, timeouts, settings.db_pool_size)
    database = Database(engine, settings.db_pool_size, breakers.database, settings.api_read_timeout_s)
    clock = Clock()
    acceptor = Acceptor(
        redis, clock, breakers.queue,
        batch_max=settings.api_accept_batch_max, key_lifetime_s=settings.api_key_lifetime_s,
    )  # fmt: skip
    waiters = Waiters(redis, settings.instance)
    copies = Copies(cache, breakers.cache, hard_s=settings.cache_hard_s, in_process_max=_IN_PROCESS_COPIES)
    refresher = Refresher(copies, settings.cache_soft_s)
    view = View(
        redis, breakers.queue, database, copies, refresher,
        stale_max_s=settings.api_stale_max_s, read_timeout_s=settings.api_read_timeout_s,
    )  # fmt: skip
    backlog = Backlog(
        redis, breakers.queue, depth_max=settings.api_backlog_max, age_max_s=settings.api_backlog_age_max_s
    )
    limits_redis = connect(settings.cache_address, RedisTimeouts(LIMITS_TIMEOUT_S, LIMITS_TIMEOUT_S))
    counts = Counts(limits_redis, breakers.limits, time.monotonic)
    clients = Clients(networks(settings.api_trusted_proxies), settings.api_forwarded_header)
    lag = Lag()
    path = WritePath(acceptor, waiters, view, database, DirectPath(database, clock), backlog, settings.api_wait_max_s)

    board = Board(cache, Member("api", settings.instance, breakers.all), watching=True)
    last_good = LastGood(cache, "external", hard_s=_EXTERNAL_KEPT_S)
    proxy = HttpClient(str(settings.api_external_proxy_url), in_flight_max=settings.api_external_in_flight_max)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        logs.info(Action.SERVICE_STARTED, profile=settings.profile)
        if settings.profile == "demo":
            logs.warning(Action.OPEN_TO_ALL)
        loops = [
            asyncio.create_task(forever("waiters", waiters.listen)),
            asyncio.create_task(forever("refresher", refresher.run)),
            asyncio.create_task(forever("last_good", last_good.run)),
            asyncio.create_task(forever("backlog", backlog.run)),
            asyncio.create_task(forever("board", board.run)),
            asyncio.create_task(forever("event_loop_lag", lambda: watch(lag, time.monotonic))),
            asyncio.create_task(again_on(
                (RedisError, OSError), lambda: ensure_groups(redis), base_s=0.2, cap_s=5, attempts=None
            )),
        ]  # fmt: skip
        memory.settle()
        yield
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await board.leave()
        await proxy.close()
        await redis.aclose()
        await cache.aclose()
        await limits_redis.aclose()
        database.close()
        logs.info(Action.SERVICE_STOPPED)

    health = Health("api", shown={breaker.name: partial(_closed, breaker) for breaker in breakers.all()})

    def add_routes(app: FastAPI) -> None:
        users.add_routes(app, path, view)
        operations.add_routes(app, view)
        status.add_routes(app, board, demo=settings.profile == "demo")
        overrides.add_routes(app, board, redis)
        external.add_routes(app, External(proxy, breakers.external_proxy, last_good))

    return service_app(
        health,
        title="Holdfast",
        description=_DESCRIPTION,
        version=VERSION_WITHOUT_INSTALL,
        lifespan=lifespan,
        add_routes=add_routes,
        timeout_s=settings.api_timeout_s,
        keys=Keys(settings.keys_file, open_to_all=settings.profile == "demo"),
        needs=scope_needed,
        before_scrape=board.member.breakers,
        before_keys=[Middleware(Shed, lag, _SLOW_SHARE * settings.api_read_timeout_s)],
        after_keys=[Middleware(RateLimit, counts, clients, settings.rates_per_min)],
    )


def _closed(breaker: Breaker) -> tuple[bool, str]:
    return breaker.state is State.CLOSED, breaker.state.value
