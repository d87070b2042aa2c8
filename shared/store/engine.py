"""The database engine: no driver default is left unset, because several of them are `wait for ever`; and the ways to
use it, which raise Faults and none of the driver's errors."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, QueuePool

from holdfast.shared.connections.address import parse_dsn
from holdfast.shared.runtime.settings import StoreSettings
from holdfast.shared.store import connections, encryption, login, results
from holdfast.shared.store.bulk import BulkCursor
from holdfast.shared.store.classify import classify
from holdfast.shared.store.hosts import Hosts
from holdfast.shared.telemetry import metrics

__all__ = ["Engine", "Timeouts", "faults", "make_engine", "reading", "round_trip", "rows", "transaction"]

#: What would give our statements another meaning, or cut their results off, under a server's own settings.
_SESSION = (
    "sql_mode='TRADITIONAL', time_zone='+00:00', sql_select_limit=18446744073709551615, sql_big_selects=1,"
    " sql_safe_updates=0, sql_auto_is_null=0, unique_checks=1, foreign_key_checks=1, completion_type=0"
)

#: Of a connection whose last command was a commit that worked.
_COMMITTED = "holdfast_committed"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, each below the next: a checkout, a connect, then any one read or write on the socket."""

    checkout_s: float
    connect_s: float
    io_s: float
    lock_wait_s: int


def engine_of(settings: StoreSettings, *, transactions: bool = True) -> Engine:
    """The engine that the settings describe. Without `transactions` it is for reads of one statement each, which need
    neither a beginning nor an end: on another pool, so that no transaction ever gets such a connection."""
    timeouts = Timeouts(
        settings.db_checkout_timeout_s, settings.db_connect_timeout_s, settings.db_timeout_s, settings.db_lock_wait_s
    )
    return make_engine(settings.db_dsn, timeouts, settings.db_pool_size, transactions=transactions)


def make_engine(dsn: str, timeouts: Timeouts, pool_size: int, *, transactions: bool = True) -> Engine:
    """An engine that never waits longer than `timeouts`; it connects on first use. Raises ValueError for what is no
    DSN."""
    address = parse_dsn(dsn)
    encryption.prepare()
    login.prepare()
    results.prepare()
    session = f"SET SESSION innodb_lock_wait_timeout={timeouts.lock_wait_s}, {_SESSION}"
    engine = sa.create_engine(
        sa.URL.create("mysql+pymysql", address.user, address.password, address.host, address.port, address.database),
        isolation_level="READ COMMITTED" if transactions else "AUTOCOMMIT",
        skip_autocommit_rollback=not transactions,
        pool_reset_on_return=None if transactions else "rollback",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=timeouts.checkout_s,
        pool_use_lifo=True,
        pool_recycle=300,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": timeouts.connect_s,
            # The handshake is under read_timeout too: without it a frozen server hangs connect() for ever.
            "read_timeout": timeouts.io_s,
            "write_timeout": timeouts.io_s,
            "init_command": session,
            "cursorclass": BulkCursor,
            **encryption.arguments(address.tls),
        },
    )

    if transactions:
        sa.event.listen(engine, "reset", _undo)
    connections.watch(engine, Hosts(((address.host, address.port), *address.standbys)))

    def in_use() -> int:
        return engine.pool.checkedout() if isinstance(engine.pool, QueuePool) else 0

    name = "database_connections" if transactions else "database_read_connections"
    metrics.pool_capacity.labels(name).set(pool_size)
    metrics.pool_in_use.labels(name).set_function(in_use)
    return engine


def _undo(connection: Any, record: Any, state: sa.PoolResetState) -> None:
    """What is open on a connection that goes back to its pool. After a commit nothing is, and to say so anyway would
    take a round trip."""
    committed = record is not None and record.info.pop(_COMMITTED, False)
    if not committed and not state.transaction_was_reset:
        connection.rollback()


@contextmanager
def faults() -> Iterator[None]:
    """Translate the driver's errors, each into a Fault: whatever a database raises is a dependency that failed."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise classify(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[sa.Connection]:
    """A connection that commits nothing. Raises a Fault."""
    with faults(), engine.connect() as connection:
        yield connection


def rows(connection: sa.Connection, statement: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    """The rows of one statement, past SQLAlchemy's bookkeeping for results, which costs half as much as a few rows.
    Its errors are SQLAlchemy's as ever."""
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement, values)
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found
    except BaseException as error:  # noqa: BLE001 - it raises this one, or another of it
        connection._handle_dbapi_exception(error, statement, values, cursor, None)
    finally:
        cursor.close()


@contextmanager
def transaction(engine: Engine) -> Iterator[sa.Connection]:
    """A transaction that is committed at the end of the block, or rolled back by an exception. Raises a Fault, and
    ValueError for an engine without transactions."""
    if engine.dialect.skip_autocommit_rollback:
        raise ValueError("this engine's connections know no transactions")
    with faults(), engine.connect() as connection:
        with connection.begin():
            yield connection
        connection.info[_COMMITTED] = True


def round_trip(engine: Engine) -> None:
    """A new connection if there is none, or one round trip on it: whether it answers. Raises a Fault."""
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
