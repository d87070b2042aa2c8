"""Durable: whether the database flushes a commit to disk before it answers."""

from holdfast.shared.store.engine import Engine, reading

#: The server variable that decides this.
FLUSHED = "innodb_flush_log_at_trx_commit"


def is_flushed(engine: Engine) -> bool:
    """Return whether the server is currently set to flush every commit. Raises a Fault."""
    with reading(engine) as connection:
        return int(connection.exec_driver_sql(f"SELECT @@global.{FLUSHED}").scalar_one()) == 1
