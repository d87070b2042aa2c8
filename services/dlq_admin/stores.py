"""Stores: the connections of this service to the queue, the cache and the database; each is made on first use."""

from redis.asyncio import Redis

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.store.engine import Engine, Timeouts, make_engine

_BACKGROUND_THREADS = 3
_AUDIT_THREADS = 2


def queue(settings: DlqAdminSettings) -> Redis:
    """The Redis that holds the streams."""
    return connect(settings.redis_addr, RedisTimeouts(settings.redis_connect_timeout_s, settings.redis_timeout_s))


def cache(settings: DlqAdminSettings) -> Redis:
    """The Redis that holds what may be lost: alerts, announcements, log-outs."""
    return connect(settings.cache_address, RedisTimeouts(settings.cache_timeout_s, settings.cache_timeout_s))


def engine(settings: DlqAdminSettings) -> Engine:
    """A pool of connections to the database."""
    timeouts = Timeouts(
        settings.db_checkout_timeout_s, settings.db_connect_timeout_s, settings.db_timeout_s, settings.db_lock_wait_s
    )
    return make_engine(settings.db_dsn, timeouts, settings.db_pool_size)


def database(settings: DlqAdminSettings) -> Database:
    """The database with threads for operators' questions, for background work and for the auditor."""
    return Database(
        engine(settings),
        threads=settings.db_pool_size - _BACKGROUND_THREADS - _AUDIT_THREADS,
        background=_BACKGROUND_THREADS,
        audit=_AUDIT_THREADS,
        read_timeout_s=settings.dlq_read_timeout_s,
    )
