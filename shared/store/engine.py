"""Engine: makes the database engine, and the ways to use it, which raise Faults instead of the driver's errors. It sets
every timeout, because several of the driver's defaults wait without limit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, QueuePool

from holdfast.shared.connections.address import parse_dsn
from holdfast.shared.runtime.settings import StoreSettings
from holdfast.shared.store import addresses, connections, encryption, login, results
from holdfast.shared.store.bulk import BulkCursor
from holdfast.shared.store.classify import classify
from holdfast.shared.store.hosts import Hosts
from holdfast.shared.telemetry import metrics

__all__ = ["Engine", "Timeouts", "faults", "make_engine", "reading", "round_trip", "rows", "transaction"]

#: Session variables that, with a server's own values, could change the meaning of our statements or cut off results.
_SESSION = (
    "sql_mode='TRADITIONAL', time_zone='+00:00', sql_select_limit=18446744073709551615, sql_big_selects=1,"
    " sql_safe_updates=0, sql_auto_is_null=0, unique_checks=1, foreign_key_checks=1, completion_type=0"
)

#: Marks a connection whose last command was a successful commit.
_COMMITTED = "holdfast_committed"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds, each below the next: for a checkout from the pool, a connect, and any single read or write
    on the socket; and the lock wait timeout of a session."""

    checkout_s: float
    connect_s: float
    io_s: float
    lock_wait_s: int


def engine_of(settings: StoreSettings, *, transactions: bool = True) -> Engine:
    """Return the engine that the settings describe. Without `transactions`, the engine is for reads of one statement,
    which need no BEGIN and no COMMIT. It has its own pool, so that no transaction ever gets such a connection."""
    timeouts = Timeouts(
        settings.db_checkout_timeout_s, settings.db_connect_timeout_s, settings.db_timeout_s, settings.db_lock_wait_s
    )
    return make_engine(settings.db_dsn, timeouts, settings.db_pool_size, transactions=transactions)


def make_engine(dsn: str, timeouts: Timeouts, pool_size: int, *, transactions: bool = True) -> Engine:
    """Return an engine that never waits longer than `timeouts` and connects on first use. Raises ValueError for an
    invalid DSN."""
    address = parse_dsn(dsn)
    addresses.prepare()
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
            # read_timeout covers the handshake too: without it, connect() to a frozen server never returns.
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
    """Roll back what is open on a connection that returns to its pool. After a commit nothing is open, and a rollback
    would only cost a round trip."""
    committed = record is not None and record.info.pop(_COMMITTED, False)
    if not committed and not state.transaction_was_reset:
        connection.rollback()


@contextmanager
def faults() -> Iterator[None]:
    """Translate each of the driver's errors into a Fault: an error of the database is a failure of a dependency."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise classify(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[sa.Connection]:
    """Yield a connection that commits nothing. Raises a Fault."""
    with faults(), engine.connect() as connection:
        yield connection


def rows(connection: sa.Connection, statement: str, values: Sequence[Any]) -> Sequence[tuple[Any, ...]]:
    """Return the rows of one statement, without SQLAlchemy's bookkeeping for results, which costs half as much as a few
    rows. Raises SQLAlchemy's errors, as its own calls do."""
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(statement, values)
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found
    except BaseException as error:  # noqa: BLE001 - SQLAlchemy raises it again, or its own error for it
        connection._handle_dbapi_exception(error, statement, values, cursor, None)
    finally:
        cursor.close()


@contextmanager
def transaction(engine: Engine) -> Iterator[sa.Connection]:
    """Yield a connection in a transaction, which is committed at the end of the block, or rolled back by an exception.
    Raises a Fault, and ValueError for an engine without transactions."""
    if engine.dialect.skip_autocommit_rollback:
        raise ValueError("this engine's connections know no transactions")
    with faults(), engine.connect() as connection:
        with connection.begin():
            yield connection
        connection.info[_COMMITTED] = True


def round_trip(engine: Engine) -> None:
    """Check that the database answers, in one round trip; connect first if there is no connection. Raises a Fault."""
    with reading(engine) as connection:
        connection.exec_driver_sql("SELECT 1")
