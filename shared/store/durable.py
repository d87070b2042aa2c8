"""Durable: whether a commit is on the database's disk when it is answered."""

from holdfast.shared.store.engine import Engine, reading

#: The variable of the server that says so.
FLUSHED = "innodb_flush_log_at_trx_commit"


def is_flushed(engine: Engine) -> bool:
    """As it is set now."""
    with reading(engine) as connection:
        return int(connection.exec_driver_sql(f"SELECT @@global.{FLUSHED}").scalar_one()) == 1
