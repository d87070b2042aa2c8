"""dlq_admin, wired. For now: health, metrics and, as a command, the ledger. Dead letters are already kept whole on
their stream; looking at them and replaying them is what this service is going to be."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from redis.asyncio import Redis

from services.dlq_admin.settings import DlqAdminSettings
from shared import logs, memory
from shared.build import VERSION_WITHOUT_INSTALL
from shared.http.app import service_app
from shared.http.health import Health
from shared.logs import Action
from shared.queue.connection import RedisTimeouts, connect
from shared.store.engine import Engine, Timeouts, make_engine


def stores(settings: DlqAdminSettings) -> tuple[Redis, Engine]:
    """Connections to both stores; made on first use."""
    redis = connect(settings.redis_addr, RedisTimeouts(settings.redis_connect_timeout_s, settings.redis_timeout_s))
    timeouts = Timeouts(
        settings.db_checkout_timeout_s, settings.db_connect_timeout_s, settings.db_timeout_s, settings.db_lock_wait_s
    )
    return redis, make_engine(settings.db_dsn, timeouts, settings.db_pool_size)


def make_app() -> FastAPI:
    """The HTTP side."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        memory.settle()
        logs.info(Action.SERVICE_STARTED)
        yield
        logs.info(Action.SERVICE_STOPPED)

    return service_app(
        Health("dlq_admin"),
        title="Holdfast dlq_admin",
        description="Health and metrics. The console for dead letters is still to come.",
        version=VERSION_WITHOUT_INSTALL,
        lifespan=lifespan,
    )
