"""DatabaseModel: one server with its rows and its faults."""

import itertools
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Any

import apsw

from tests.models.database import functions
from tests.models.database.changes import Key, Rows, folded
from tests.models.database.errors import error, lost
from tests.models.database.execute import Executor
from tests.models.database.faults import Faults
from tests.models.database.schema import Table, migrated
from tests.models.database.session import Session
from tests.models.database.transaction import Transactions
from tests.models.database.translate import Translator
from tests.models.database.waits import Simulated, Waits

_SQL_MODE = (
    "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,TRADITIONAL,"
    "NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION"
)


@cache
def translator() -> Translator:
    """Return the translator for all servers with the usual tables, because translating a statement takes longer than
    running it."""
    return Translator(migrated())


class DatabaseModel:
    """A server, migrated and empty. `clock`: seconds since the epoch, by its own clock.

    model = DatabaseModel(clock, random)
    with patch.object(pymysql, "connect", model.connect):
        engine = make_engine(...)
    """

    def __init__(
        self,
        clock: Callable[[], float],
        chance: Random,
        waits: Waits | None = None,
        tables: Mapping[str, Table] | None = None,
        version: str = "10.11.18-MariaDB",
    ) -> None:
        self._clock = clock
        self._numbers = itertools.count(1)
        self._sessions: dict[Session, None] = {}
        self._thaw: Any = None
        self.version = version
        self.dead = False
        #: Whether it is a node of a cluster.
        self.galera = False
        self.waits: Waits = waits or Simulated()
        self.faults = Faults(chance)
        self._tables = schema = dict(tables or migrated())
        plans = Translator(schema) if tables else translator()
        sqlite = apsw.Connection(":memory:", statementcachesize=500)
        sqlite.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)  # "name" is a column, or an error
        for table in schema.values():
            for statement in table.sqlite():
                sqlite.execute(statement)
        self.rows = Rows(sqlite, schema)
        self.transactions = Transactions(self.rows, self.waits, clock)
        self.executor = Executor(self.rows, self.transactions, plans, self.faults)
        functions.install(sqlite, clock, self.executor.is_free)

    def connect(self, **options: Any) -> Session:
        """Connect, as `pymysql.connect` does. Raises OperationalError."""
        if self.dead:
            raise error(2003, "Can't connect to MySQL server on 'database' ([Errno 111] Connection refused)")
        session = Session(self, next(self._numbers), options)
        self._sessions[session] = None
        return session

    def ended(self, session: Session) -> None:
        """Forget a session that has ended."""
        self._sessions.pop(session, None)

    def is_waiting(self, number: int) -> bool:
        """Return whether the session with this number waits for a lock."""
        return any(session.number == number and session.waits for session in list(self._sessions))

    @property
    def now_s(self) -> float:
        """The time by the server's own clock."""
        return self._clock()

    def query(self, text: str, *args: Any) -> list[tuple[Any, ...]]:
        """Return committed rows, regardless of faults."""
        with self.waits.alone():
            transaction = self.transactions.begin()
            try:
                plan = self.executor.plan(text)
                return self.executor.run(plan, transaction, [args], 0, snapshot=False).rows
            finally:
                self.transactions.roll_back(transaction)

    def indexes(self) -> list[tuple[Any, ...]]:
        """Table, index, column, whether it is not unique, and the part of the column: of each column of each index."""
        return [
            (table.name, name, column, non_unique, None)
            for table in self._tables.values()
            for non_unique, indexes in enumerate((table.keys, table.indexes))
            for name, columns in indexes.items()
            for column in columns
        ]

    def variable(self, name: str, session: int) -> Any:
        """Return a variable of the server."""
        short = name.removeprefix("@@").removeprefix("global.").removeprefix("session.")
        return {
            "read_only": int(self.faults.read_only),
            "innodb_flush_log_at_trx_commit": 1,
            "wsrep_on": int(self.galera),
            "wsrep_reject_queries": "NONE",
            "version()": self.version,
            "database()": "holdfast",
            "connection_id()": session,
            "tx_isolation": "READ-COMMITTED",
            "transaction_isolation": "READ-COMMITTED",
            "sql_mode": _SQL_MODE,
            "lower_case_table_names": 0,
            "1": 1,
        }[short]

    # --- faults ---

    def pause(self, session: Session, seconds: float) -> None:
        """Wait, as a client of a busy or hanging server does. Raises if the connection is lost meanwhile."""
        if seconds:
            self.waits.sleep(seconds)
        while self._thaw is not None and session.open:
            self.waits.wait(self._thaw, None)
        if not session.open:
            raise lost()

    def freeze(self) -> None:
        """Stop answering."""
        self._thaw = self._thaw or self.waits.wakeup()

    def thaw(self) -> None:
        """Resume answering."""
        thaw, self._thaw = self._thaw, None
        if thaw is not None:
            thaw.set()

    def end_sessions(self) -> None:
        """Kill every session."""
        with self.waits.alone():
            for session in list(self._sessions):
                session.drop()

    def die(self) -> None:
        """End at once. Uncommitted changes are undone."""
        self.dead = True
        self.end_sessions()
        self.thaw()

    def restart(self) -> None:
        """Start again."""
        self.dead = False

    def lose_last(self, seconds: float) -> None:
        """Go back to what was committed then, as after a failover."""
        self.end_sessions()
        with self.waits.alone():
            self.transactions.go_back(self._clock() - seconds)

    def wipe(self) -> None:
        """Lose every row."""
        self.end_sessions()
        for name in self.rows.stored:
            self.rows.sqlite.execute(f'DELETE FROM "{name}"')

    def hold_rows(self, table: str, count: int) -> Callable[[], None]:
        """Lock some rows in a foreign transaction. Return the function that releases them."""
        with self.waits.alone():
            stranger = self.transactions.begin()
            keys = [key for key in self._keys(table) if self.transactions.is_free(stranger, key)]
            chosen = self.faults.chance.sample(keys, min(count, len(keys)))
            self.transactions.lock(stranger, chosen, None)

        def release() -> None:
            with self.waits.alone():
                self.transactions.roll_back(stranger)

        return release

    def refuse_rows(self, table: str, count: int) -> list[Key]:
        """Refuse changes of some rows from now on, and return which."""
        with self.waits.alone():
            keys = self._keys(table)
        chosen = self.faults.chance.sample(keys, min(count, len(keys)))
        self.faults.refused.update(chosen)
        return chosen

    def _keys(self, table: str) -> list[Key]:
        columns = ", ".join(f'"{name}"' for name in self.rows.stored[table].table.primary)
        found = self.rows.sqlite.execute(f'SELECT {columns} FROM "{table}" ORDER BY {columns}').fetchall()
        return [(table, "PRIMARY", *map(folded, key)) for key in found]
