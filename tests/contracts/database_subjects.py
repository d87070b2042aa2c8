"""Databases under contract: the model, and real servers. Each has a small table `things`, and a table `others`."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import pymysql
from pymysql.constants import CLIENT

from holdfast.shared.connections.address import parse_dsn
from tests.models.database.schema import read
from tests.models.database.waits import Threaded
from tests.models.database_server import DatabaseModel
from tests.servers import TRX_LOOK_S, wait_until

THINGS = """CREATE TABLE `things` (
  `id` int(11) NOT NULL,
  `k` varchar(10) DEFAULT NULL,
  `v` int(11) NOT NULL DEFAULT 0,
  `at` datetime(6) DEFAULT NULL,
  `doc` mediumtext DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `things_k` (`k`),
  KEY `things_v` (`v`)
);"""
_OTHERS = """CREATE TABLE `others` (
  `n` bigint(20) NOT NULL AUTO_INCREMENT,
  `thing` int(11) NOT NULL,
  `code` char(4) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (`n`)
);"""
#: The name that triggers use for the row, for each kind of change.
_ROWS = {"INSERT": "NEW", "UPDATE": "NEW", "DELETE": "OLD"}
_SETUP = "SET SESSION sql_mode='TRADITIONAL', time_zone='+00:00', innodb_lock_wait_timeout=50"
_LEVEL = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"


class Subject(Protocol):
    """A database under contract."""

    def connect(self) -> Any:
        """Return a session, READ COMMITTED and without autocommit, as the engine makes it."""

    def wait_until_blocked(self, number: int) -> None:
        """Wait until the session with this number waits for a lock."""

    def refusing(self, id: int) -> AbstractContextManager[None]:
        """Refuse every change of the thing with this id while the block runs."""


@dataclass
class Model:
    """The model of the database."""

    server: DatabaseModel

    def connect(self) -> Any:
        """Return a session."""
        return _ready(self.server.connect())

    def wait_until_blocked(self, number: int) -> None:
        """Wait until the session's thread waits for a lock in the model."""
        wait_until(lambda: self.server.is_waiting(number), what="a lock wait")

    @contextmanager
    def refusing(self, id: int) -> Iterator[None]:
        """Refuse changes with a fault of the model."""
        self.server.faults.refused.add(("things", "PRIMARY", id))
        try:
            yield
        finally:
            self.server.faults.refused.clear()


@dataclass
class Real:
    """A real server. `looking`: opens a session that may see all others."""

    dsn: str
    looking: Callable[[], Any]

    def connect(self) -> Any:
        """Return a session."""
        where = parse_dsn(self.dsn)
        made = pymysql.connect(
            host=where.host, port=where.port, user=where.user, password=where.password or "", database=where.database,
            client_flag=CLIENT.FOUND_ROWS, read_timeout=120, connect_timeout=60, charset="utf8mb4",
            ssl_disabled=True,
        )  # fmt: skip
        return _ready(made)

    def wait_until_blocked(self, number: int) -> None:
        """Wait until the server lists the session as waiting for a lock."""
        with self.looking() as looking, looking.cursor() as cursor:

            def blocked() -> bool:
                cursor.execute(
                    "SELECT trx_state FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = %s", (number,)
                )
                return cursor.fetchall() == (("LOCK WAIT",),)

            wait_until(blocked, what="a lock wait", look_s=TRX_LOOK_S)

    @contextmanager
    def refusing(self, id: int) -> Iterator[None]:
        """Refuse changes with a trigger for each kind of change."""
        schema = parse_dsn(self.dsn).database
        for change, row in _ROWS.items():
            self._alter(
                f"CREATE TRIGGER {schema}.no_{change} BEFORE {change} ON {schema}.things FOR EACH ROW"
                f" IF {row}.id = {id} THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644; END IF"
            )
        try:
            yield
        finally:
            for change in _ROWS:
                self._alter(f"DROP TRIGGER {schema}.no_{change}")

    def _alter(self, statement: str) -> None:
        with self.looking() as looking, looking.cursor() as cursor:
            cursor.execute(statement)


def _ready(connection: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(_SETUP)
        cursor.execute(_LEVEL)
    return connection


@contextmanager
def model() -> Iterator[Model]:
    """Yield the model with the tables."""
    yield Model(DatabaseModel(time.time, Random(1), Threaded(), read(f"{THINGS}\n{_OTHERS}")))


@contextmanager
def real(dsn: str, looking: Callable[[], Any] | None = None) -> Iterator[Real]:
    """Yield a real server with the tables. Without `looking`, the user of the DSN needs the right PROCESS."""
    subject = Real(dsn, looking or (lambda: subject.connect()))
    tables = [f"{ddl[:-1]} DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" for ddl in (THINGS, _OTHERS)]
    _execute(subject, "DROP TABLE IF EXISTS things, others", *tables)
    try:
        yield subject
    finally:
        _execute(subject, "DROP TABLE things, others")


def _execute(subject: Real, *statements: str) -> None:
    with subject.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION lock_wait_timeout=60")
        for statement in statements:
            cursor.execute(statement)
