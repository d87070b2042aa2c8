"""Lock: one migration at a time, on one server and on a cluster. It is a row that is inserted and never committed.

Another migration waits for that row, and has it as soon as the first one's connection ends, however it ends. On a
Galera node the row goes to all nodes before any commit (streaming replication), and is locked on each of them.
`GET_LOCK` knows only its own server.
"""

import time

import sqlalchemy as sa

from holdfast.shared.faults import Contention
from holdfast.shared.store.classify import classify
from holdfast.shared.store.role import role_of

_TABLE = "CREATE TABLE IF NOT EXISTS migration_lock (id TINYINT PRIMARY KEY) ENGINE=InnoDB"
_ROW = "INSERT INTO migration_lock (id) VALUES (1)"
_TO_ALL_NODES = "SET SESSION wsrep_trx_fragment_unit='statements', wsrep_trx_fragment_size=1"


def take(connection: sa.Connection, most_s: int) -> bool:
    """Take the lock for the life of the connection's transaction. Return False if another migration has held it for
    `most_s`."""
    connection.exec_driver_sql(_TABLE)
    role = role_of(connection.connection.dbapi_connection)
    if role and role.galera:
        connection.exec_driver_sql(_TO_ALL_NODES)
    connection.exec_driver_sql(f"SET SESSION innodb_lock_wait_timeout={most_s}")
    end = time.monotonic() + most_s
    while True:
        try:
            connection.exec_driver_sql(_ROW)
        except sa.exc.DBAPIError as error:
            if not isinstance(classify(error), Contention):
                raise
            connection.rollback()
            if time.monotonic() >= end:
                return False
        else:
            return True
