"""The database engine: no driver default is left unset, because several of them are `wait for ever`."""

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Engine, QueuePool

from shared import metrics

# The form that Go programs use: user:password@tcp(host:port)/database?options
_GO_DSN = re.compile(r"^(?P<user>[^:@]*)(?::(?P<password>.*))?@tcp\((?P<address>[^)]*)\)/(?P<database>[^?]*)")
_DEFAULT_PORT = 3306

__all__ = ["Engine", "Timeouts", "make_engine", "parse_dsn"]


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, each below the next: a checkout, a connect, then any one read or write on the socket."""

    checkout_s: float
    connect_s: float
    io_s: float
    lock_wait_s: int


def parse_dsn(dsn: str) -> sa.URL:
    """A URL (`mysql://user:pw@host:3306/db`) or the Go form (`user:pw@tcp(host:3306)/db`).

    Raises ValueError, without the password in it, when it is neither.
    """
    if match := _GO_DSN.match(dsn):
        host, _, port = match["address"].rpartition(":")
        if not host:
            host, port = match["address"], str(_DEFAULT_PORT)
        return sa.URL.create("mysql+pymysql", match["user"], match["password"], host, int(port), match["database"])
    try:
        url = sa.make_url(dsn)
    except sa.exc.ArgumentError:
        raise ValueError("neither mysql://user:password@host:3306/db nor user:password@tcp(host)/db") from None
    if url.get_backend_name() not in ("mysql", "mariadb"):
        raise ValueError(f"a MySQL-protocol database is needed, not {url.get_backend_name()}")
    if not url.database:
        raise ValueError("the DSN names no database")
    return url.set(drivername="mysql+pymysql", port=url.port or _DEFAULT_PORT, query={})


def make_engine(dsn: str, timeouts: Timeouts, pool_size: int) -> Engine:
    """An engine that never waits longer than `timeouts`; it connects on first use."""
    session = f"SET SESSION innodb_lock_wait_timeout={timeouts.lock_wait_s}, sql_mode='TRADITIONAL', time_zone='+00:00'"
    engine = sa.create_engine(
        parse_dsn(dsn),
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeouts.checkout_s,
        pool_pre_ping=True,
        pool_use_lifo=True,
        pool_recycle=300,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": timeouts.connect_s,
            # The handshake is under read_timeout too: without it a frozen server hangs connect() for ever.
            "read_timeout": timeouts.io_s,
            "write_timeout": timeouts.io_s,
            "init_command": session,
        },
    )

    def in_use() -> int:
        return engine.pool.checkedout() if isinstance(engine.pool, QueuePool) else 0

    metrics.pool_capacity.labels("database_connections").set(pool_size)
    metrics.pool_in_use.labels("database_connections").set_function(in_use)
    return engine
