"""Session: a connection, as PyMySQL returns it."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pymysql

from tests.models.database.cursor import Cursor
from tests.models.database.errors import closed, error, lost
from tests.models.database.execute import Result
from tests.models.database.plan import Select
from tests.models.database.transaction import Transaction

if TYPE_CHECKING:
    from tests.models.database.server import DatabaseModel

_SET = re.compile(r"\s*SET\s", re.IGNORECASE)
_LOCK_WAIT = re.compile(r"innodb_lock_wait_timeout\s*=\s*(\d+)", re.IGNORECASE)
_IN_STEP = re.compile(r"wsrep_sync_wait\s*=\s*(\d+)", re.IGNORECASE)
_LEVEL = re.compile(r"ISOLATION LEVEL\s+(REPEATABLE READ|READ COMMITTED)", re.IGNORECASE)
_TRANSACTION = re.compile(
    r"\s*(COMMIT|ROLLBACK TO SAVEPOINT|ROLLBACK|RELEASE SAVEPOINT|SAVEPOINT|BEGIN|START TRANSACTION)\b\s*`?(\w*)",
    re.IGNORECASE,
)
_NAME = r"(?:@@(?:global\.|session\.)?\w+|VERSION\(\)|DATABASE\(\)|CONNECTION_ID\(\)|1)"
_VARIABLES = re.compile(rf"\s*SELECT\s+({_NAME}(?:\s*,\s*{_NAME})*)\s*(?:AS \w+\s*)?;?\s*$", re.IGNORECASE)
#: Comments that MariaDB reads as part of a statement, and those that it leaves to MySQL.
_OWN_PART, _OTHERS_PART = re.compile(r"/\*M!\d+ (.*?)\*/", re.DOTALL), re.compile(r"/\*!\d+ .*?\*/", re.DOTALL)


class _Kind(Enum):
    SET = auto()
    TRANSACTION = auto()
    VARIABLES = auto()
    INDEXES = auto()
    OTHER = auto()


@lru_cache(10_000)
def _kind(text: str) -> tuple[_Kind, str, tuple[str, ...]]:
    """Return the kind of a statement, the text that the server reads, and the words or names in it."""
    if _SET.match(text):
        return _Kind.SET, text, ()
    if found := _TRANSACTION.match(text):
        return _Kind.TRANSACTION, text, (found[1].upper(), found[2])
    text = _OWN_PART.sub(r"\1", _OTHERS_PART.sub("", text))
    if found := _VARIABLES.match(text):
        return _Kind.VARIABLES, text, tuple(name.strip() for name in found[1].split(","))
    if "information_schema.statistics" in text:
        return _Kind.INDEXES, text, ("table_name", "index_name", "column_name", "non_unique", "sub_part")
    return _Kind.OTHER, text, ()


class Session:
    """A connection. It raises the driver's errors."""

    def __init__(self, server: "DatabaseModel", number: int, options: dict[str, Any]) -> None:
        self._server = server
        self.number = number
        self._open = True
        self._lost = False
        self._autocommit = bool(options.get("autocommit"))
        #: Whether a statement began a transaction, so that the session does not commit by itself.
        self._begun = False
        self._lock_wait_s = 50.0
        #: Whether it waits, before it reads, for what the other nodes have committed.
        self._in_step = False
        self._level = "REPEATABLE READ"
        self._transaction: Transaction | None = None
        if options.get("init_command"):
            self.run(options["init_command"], None)

    def cursor(self, _kind: Any = None) -> "Cursor":
        """Return a cursor."""
        return Cursor(self)

    def commit(self) -> None:
        """Commit. Raises OperationalError 2013 if it is unknown whether the commit took effect."""
        with self._server.waits.alone():
            self._alive()
            self._server.faults.unprepared()
            self._commit()

    def begin(self) -> None:
        """Begin a transaction, whether or not the session commits by itself."""
        self.run("BEGIN", None)

    def rollback(self) -> None:
        """Undo what is not committed."""
        with self._server.waits.alone():
            self._alive()
            self._server.pause(self, self._server.faults.statement_s)
            self._server.faults.unprepared()
            self._roll_back()

    def ping(self, reconnect: bool = False) -> None:
        """Raise if the connection is gone."""
        with self._server.waits.alone():
            self._alive()
            self._server.pause(self, self._server.faults.statement_s)

    def autocommit(self, value: bool) -> None:
        """Switch autocommit."""
        with self._server.waits.alone():
            self._alive()
            if value and not self._autocommit:
                self._commit()
            self._autocommit = value

    def get_autocommit(self) -> bool:
        """Return whether autocommit is on."""
        return self._autocommit

    def character_set_name(self) -> str:
        """Return the character set of the connection."""
        return "utf8mb4"

    def get_server_info(self) -> str:
        """Return the server's version."""
        return self._server.version

    def close(self) -> None:
        """Close the connection. Uncommitted changes are undone."""
        if not self._open:
            raise closed()
        self._open = False
        with self._server.waits.alone():
            self._end()

    def kill(self) -> None:
        """End it from the server's side."""
        with self._server.waits.alone():
            self.drop()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self.close()

    @property
    def open(self) -> bool:
        """Whether it can be used, as far as the client knows."""
        return self._open and not self._lost

    @property
    def waits(self) -> bool:
        """Whether it waits for a lock."""
        return self._transaction is not None and self._transaction.waits_for is not None

    # --- what the server does ---

    def drop(self) -> None:
        """End it from the server's side. The client notices at its next command."""
        self._lost = True
        self._end()

    def _end(self) -> None:
        self._server.ended(self)
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            self._server.transactions.kill(transaction)

    def _alive(self) -> None:
        if not self._open:
            raise closed()
        if self._lost:
            raise lost()

    def run(self, text: str, args: Any, *, many: bool = False) -> Result:
        """Run one statement. `many`: for each of `args`. Raises what the driver raises."""
        with self._server.waits.alone():
            self._alive()
            self._server.pause(self, self._server.faults.statement_s)
            kind, text, words = _kind(text)
            if kind is _Kind.SET:
                return self._set(text)
            if self._in_step:
                self._server.pause(self, self._behind_s)
            if kind is _Kind.TRANSACTION:
                self._server.faults.unprepared()
                return self._control(*words)
            if kind is _Kind.VARIABLES:
                if self._in_step and self._server.faults.no_quorum:
                    raise error(1205, "Lock wait timeout exceeded; try restarting transaction")
                values = tuple(self._server.variable(name.lower(), self.number) for name in words)
                return Result([values], words, 1)
            self._server.faults.unprepared()
            if kind is _Kind.INDEXES:
                rows = self._server.indexes()
                return Result(rows, words, len(rows))
            return self._statement(text, args, many=many)

    def _statement(self, text: str, args: Any, *, many: bool) -> Result:
        plan = self._server.executor.plan(text if args is not None else text.replace("%", "%%"))
        transaction = self._transaction = self._transaction or self._server.transactions.begin(self._node)
        reads_what_was = isinstance(plan, Select) and self._behind_s > 0 and not self._in_step
        transaction.seen_s = self._server.now_s - self._behind_s if reads_what_was else None
        each: Sequence[Any] = list(map(_listed, args)) if many else [_listed(args)]
        snapshot = self._level == "REPEATABLE READ"
        try:
            self._server.faults.before(plan)
            result = self._server.executor.run(plan, transaction, each, self._lock_wait_s, snapshot=snapshot)
        except pymysql.err.MySQLError as failed:
            if transaction.killed:
                raise lost() from None
            if failed.args[0] == 1213 or self._by_itself:
                self._roll_back()
            raise
        if self._by_itself:
            self._commit()
        return result

    @property
    def _node(self) -> int:
        """The node, of two, where the session is."""
        return self.number % 2

    @property
    def _behind_s(self) -> float:
        """The seconds by which its node is behind the other."""
        return self._server.faults.behind_s * self._node

    @property
    def _by_itself(self) -> bool:
        return self._autocommit and not self._begun

    def _set(self, text: str) -> Result:
        if found := _LOCK_WAIT.search(text):
            self._lock_wait_s = float(found[1])
        if found := _IN_STEP.search(text):
            self._in_step = found[1] != "0"
        if found := _LEVEL.search(text):
            self._level = found[1].upper()
        return Result([], None, 0)

    def _control(self, word: str, name: str) -> Result:
        if word == "COMMIT":
            self._commit()
        elif word == "ROLLBACK" and not name:
            self._roll_back()
        elif word in ("BEGIN", "START TRANSACTION"):
            self._commit()
            self._begun = True
        else:
            self._savepoint(word, name)
        return Result([], None, 0)

    def _savepoint(self, word: str, name: str) -> None:
        transaction = self._transaction = self._transaction or self._server.transactions.begin()
        if word == "SAVEPOINT":
            untouched = not transaction.changes and not transaction.locks
            transaction.savepoints[name] = None if untouched else len(transaction.changes)
            return
        if name not in transaction.savepoints:
            raise error(1305, f"SAVEPOINT {name} does not exist")
        if word == "RELEASE SAVEPOINT":
            del transaction.savepoints[name]
        else:
            mark = transaction.savepoints[name]
            if mark is None:
                self._server.transactions.start_over(transaction)
            else:
                self._server.transactions.roll_back_to(transaction, mark)

    def _commit(self) -> None:
        self._begun = False
        transaction = self._transaction
        if transaction is None:
            return
        faults = self._server.faults
        if transaction.changes:
            self._server.pause(self, faults.commit_s)
            if faults.happens(faults.refuse_commit):
                self.drop()
                raise lost()
        self._transaction = None
        self._server.transactions.commit(transaction)
        if transaction.changes and faults.happens(faults.lose_answer):
            self.drop()
            raise lost()

    def _roll_back(self) -> None:
        self._begun = False
        transaction, self._transaction = self._transaction, None
        if transaction is not None:
            self._server.transactions.roll_back(transaction)


def _listed(args: Any) -> Any:
    if args is None:
        return ()
    return args if isinstance(args, list | tuple | dict) else (args,)
