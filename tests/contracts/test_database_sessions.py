"""Sessions of a database: what each sees of the others, and when one waits for another."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pymysql
import pytest

from tests.contracts.database_subjects import Subject

WAITS = object()
_PATIENT = "SET SESSION innodb_lock_wait_timeout = 50"
#: Each step is a session, a statement, and how it ends: a number of rows, rows, `E` and an error's number, or WAITS.
#: The statement `…` is the end of a statement that waits.
_ADD, _LOCK = "INSERT INTO things (id, k) VALUES", "SELECT id FROM things WHERE id = {} FOR UPDATE"
_ONE, _TWO = "UPDATE things SET v = v + 1 WHERE id = 1", "UPDATE things SET v = v + 1 WHERE id = 2"
_SHOW = "SELECT id, v FROM things"
_MEET = "INSERT INTO things (id, k) VALUES (1, 'x') ON DUPLICATE KEY UPDATE k = VALUES(k)"
_BY_VALUE = "INSERT INTO things (id, k) VALUES (7, 'x') ON DUPLICATE KEY UPDATE v = v + 10"
Steps = list[tuple[str, str, Any]]

_SCENARIOS: dict[str, Steps] = {
    "what is not committed is not seen": [
        ("a", f"{_ADD} (3, 'z')", 1), ("a", _ONE, 1), ("b", _SHOW, [(1, 0), (2, 0)]), ("a", "COMMIT", 0),
        ("b", _SHOW, [(1, 1), (2, 0), (3, 0)]),
    ],
    "what is rolled back was never there": [
        ("a", f"{_ADD} (3, 'z')", 1), ("a", "DELETE FROM things WHERE id = 1", 1), ("a", _SHOW, [(2, 0), (3, 0)]),
        ("a", "ROLLBACK", 0), ("a", _SHOW, [(1, 0), (2, 0)]),
    ],
    "a repeatable read stays as it was at its first look": [
        ("b", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", 0), ("a", _ONE, 1), ("a", "COMMIT", 0),
        ("b", _SHOW, [(1, 1), (2, 0)]), ("a", _ONE, 1), ("a", f"{_ADD} (3, 'z')", 1), ("a", "COMMIT", 0),
        ("a", "DELETE FROM things WHERE id = 2", 1), ("a", "COMMIT", 0), ("b", _SHOW, [(1, 1), (2, 0)]),
        ("b", "SELECT v FROM things WHERE id = 1 FOR UPDATE", [(2,)]), ("b", "COMMIT", 0),
        ("b", _SHOW, [(1, 2), (3, 0)]),
    ],
    "a change waits for another and counts on it": [
        ("a", _ONE, 1), ("b", _ONE, WAITS), ("a", "COMMIT", 0), ("b", "…", 1), ("b", "COMMIT", 0),
        ("a", _SHOW, [(1, 2), (2, 0)]),
    ],
    "a change waits for another that is rolled back": [
        ("a", _ONE, 1), ("b", _ONE, WAITS), ("a", "ROLLBACK", 0), ("b", "…", 1), ("b", _SHOW, [(1, 1), (2, 0)]),
    ],
    "a change waits for a row that may match, and finds that it does not": [
        ("a", "UPDATE things SET v = 5 WHERE id = 1", 1),
        ("b", "UPDATE things SET v = 9 WHERE v = 0 AND id = 1", WAITS),
        ("a", "COMMIT", 0), ("b", "…", 0),
    ],
    "a locking read waits": [
        ("a", _LOCK.format(1), [(1,)]), ("b", _LOCK.format(2), [(2,)]), ("b", _LOCK.format(1), WAITS),
        ("a", "COMMIT", 0), ("b", "…", [(1,)]),
    ],
    "a locking read waits for a row that is not committed": [
        ("a", f"{_ADD} (3, 'z')", 1), ("b", _LOCK.format(3), WAITS), ("a", "COMMIT", 0), ("b", "…", [(3,)]),
    ],
    "a locking read waits for a row whose removal is not committed": [
        ("a", "DELETE FROM things WHERE id = 1", 1), ("b", _LOCK.format(1), WAITS), ("a", "ROLLBACK", 0),
        ("b", "…", [(1,)]),
    ],
    "locked rows can be skipped": [
        ("a", _ONE, 1), ("b", "SELECT id FROM things WHERE id IN (1, 2) FOR UPDATE SKIP LOCKED", [(2,)]),
        ("a", "SELECT id FROM things ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED", [(1,)]),
    ],
    "an insert waits for the same key, which is taken then": [
        ("a", f"{_ADD} (3, 'z')", 1), ("b", f"{_ADD} (3, 'w')", WAITS), ("a", "COMMIT", 0), ("b", "…", "E1062"),
    ],
    "an insert waits for the same key, which is free then": [
        ("a", f"{_ADD} (3, 'z')", 1), ("b", f"{_ADD} (3, 'w')", WAITS), ("a", "ROLLBACK", 0), ("b", "…", 1),
    ],
    "an insert waits for the same unique value": [
        ("a", f"{_ADD} (3, 'z')", 1), ("b", f"{_ADD} (4, 'z')", WAITS), ("a", "COMMIT", 0), ("b", "…", "E1062"),
        ("b", f"{_ADD} (4, 'w')", 1),
    ],
    "a unique value passes on with a commit": [
        ("a", "DELETE FROM things WHERE id = 1", 1), ("b", f"{_ADD} (3, 'x')", WAITS), ("a", "COMMIT", 0),
        ("b", "…", 1),
    ],
    "a unique value comes back with a rollback": [
        ("a", "DELETE FROM things WHERE id = 1", 1), ("b", f"{_ADD} (3, 'x')", WAITS), ("a", "ROLLBACK", 0),
        ("b", "…", "E1062"),
    ],
    "a unique value passes on inside a transaction": [
        ("a", "DELETE FROM things WHERE id = 1", 1), ("a", f"{_ADD} (3, 'x'), (1, 'z')", 2), ("a", "COMMIT", 0),
        ("b", "SELECT id, k FROM things WHERE k = 'x'", [(3, "x")]),
    ],
    "the key of a locked row is taken; its other values are known": [
        ("a", _LOCK.format(1), [(1,)]), ("b", f"{_ADD} (3, 'x')", "E1062"), ("b", f"{_ADD} (1, 'z')", WAITS),
        ("a", "COMMIT", 0), ("b", "…", "E1062"),
    ],
    "what is not there is not locked": [
        ("a", "UPDATE things SET v = 1 WHERE id = 7", 0), ("a", _LOCK.format(7), []), ("b", f"{_ADD} (7, 'z')", 1),
    ],
    "a wait that takes too long ends the statement only": [
        ("a", _ONE, 1), ("b", "SET SESSION innodb_lock_wait_timeout = 1", 0), ("b", f"{_ADD} (3, 'z')", 1),
        ("b", _ONE, "E1205"), ("b", _SHOW, [(1, 0), (2, 0), (3, 0)]), ("b", "COMMIT", 0), ("a", "COMMIT", 0),
        ("a", _SHOW, [(1, 1), (2, 0), (3, 0)]),
    ],
    "an upsert waits for the row that it changes": [
        ("a", f"{_ADD} (3, 'z')", 1),
        ("b", "INSERT INTO things (id, v) VALUES (3, 7) ON DUPLICATE KEY UPDATE v = v + VALUES(v)", WAITS),
        ("a", "COMMIT", 0), ("b", "…", 2), ("b", "SELECT k, v FROM things WHERE id = 3", [("z", 7)]),
    ],
    "an upsert locks the row that was there, changed or not": [
        ("a", _MEET, 1), ("b", _ONE, WAITS), ("a", _ONE, 1), ("a", "COMMIT", 0), ("b", "…", 1), ("b", "COMMIT", 0),
        ("a", _SHOW, [(1, 2), (2, 0)]),
    ],
    "two upserts of a row come one after the other, and both counts count": [
        ("a", _MEET, 1), ("b", _MEET, WAITS), ("a", _ONE, 1), ("a", "COMMIT", 0), ("b", "…", 1), ("b", _ONE, 1),
        ("b", _SHOW, [(1, 2), (2, 0)]), ("b", "COMMIT", 0), ("a", _SHOW, [(1, 2), (2, 0)]),
    ],
    "an upsert sees the newest row, whatever its session has read before": [
        ("b", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", 0), ("b", _SHOW, [(1, 0), (2, 0)]),
        ("a", _ONE, 1), ("b", _BY_VALUE, WAITS), ("a", "COMMIT", 0), ("b", "…", 2), ("b", "COMMIT", 0),
        ("b", _SHOW, [(1, 11), (2, 0)]),
    ],
    "an upsert waits for the row that has the unique value": [
        ("a", _ONE, 1), ("b", _BY_VALUE, WAITS), ("a", "ROLLBACK", 0), ("b", "…", 2), ("a", _ONE, WAITS),
        ("b", "COMMIT", 0), ("a", "…", 1), ("a", _SHOW, [(1, 11), (2, 0)]),
    ],
    "an upsert goes on when the row that it waited for is removed": [
        ("a", "DELETE FROM things WHERE id = 1", 1), ("b", _MEET, WAITS), ("a", "COMMIT", 0), ("b", "…", 1),
        ("b", _SHOW, [(1, 0), (2, 0)]),
    ],
    "savepoints": [
        ("a", "SAVEPOINT s", 0), ("a", _ONE, 1), ("a", "SAVEPOINT t", 0), ("a", _TWO, 1),
        ("a", "ROLLBACK TO SAVEPOINT t", 0), ("a", _SHOW, [(1, 1), (2, 0)]),
        ("a", "ROLLBACK TO SAVEPOINT none", "E1305"), ("b", _TWO, WAITS), ("a", "ROLLBACK TO SAVEPOINT s", 0),
        ("b", "…", 1), ("a", _SHOW, [(1, 0), (2, 0)]), ("b", _ONE, 1),
    ],
    # A key that nothing else has: over a row whose removal is not purged yet, an insert takes a lock that stays.
    "what was inserted after a savepoint is not locked when it is undone": [
        ("a", _ONE, 1), ("a", "SAVEPOINT s", 0), ("a", f"{_ADD} (8, 'q')", 1),
        ("a", "DELETE FROM things WHERE id = 2", 1),
        ("a", "ROLLBACK TO SAVEPOINT s", 0), ("b", f"{_ADD} (8, 'q')", 1), ("b", f"{_ADD} (9, 'y')", "E1062"),
        ("b", _TWO, WAITS), ("a", "COMMIT", 0), ("b", "…", 1),
    ],
    "a statement that fails did nothing": [
        ("a", f"{_ADD} (3, 'z'), (4, 'x')", "E1062"), ("a", _SHOW, [(1, 0), (2, 0)]), ("a", f"{_ADD} (4, 'z')", 1),
    ],
    "a session that ends takes its changes with it": [
        ("a", f"{_ADD} (3, 'z')", 1), ("a", _ONE, 1), ("b", _ONE, WAITS), ("a", "close", None), ("b", "…", 1),
        ("b", _SHOW, [(1, 1), (2, 0)]),
    ],
}  # fmt: skip


class _Sessions:
    """Two database sessions, each in a thread of its own."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._connections: dict[str, Any] = {name: subject.connect() for name in "ab"}
        self._threads = {name: ThreadPoolExecutor(1) for name in "ab"}
        self._waiting: dict[str, Future[Any]] = {}
        self._numbers = {name: self._run(name, "SELECT CONNECTION_ID()")[0][0] for name in "ab"}

    def step(self, name: str, statement: str, expected: Any) -> Any:
        """Run a statement in a session, and return how it ends."""
        if statement == "close":
            self._connections[name].close()
            return None
        future = self._waiting.pop(name) if statement == "…" else self._threads[name].submit(self._run, name, statement)
        if expected is WAITS:
            self._waiting[name] = future
            self._subject.wait_until_blocked(self._numbers[name])
            return WAITS
        return future.result(120)

    def _run(self, name: str, statement: str) -> Any:
        try:
            with self._connections[name].cursor() as cursor:
                count = cursor.execute(statement)
                return sorted(cursor.fetchall()) if cursor.description else count
        except pymysql.err.MySQLError as failed:
            return f"E{failed.args[0]}"

    def begin(self) -> None:
        """Restore both sessions and the rows to their initial state."""
        for name, connection in self._connections.items():
            if not connection.open:
                self._connections[name] = self._subject.connect()
                self._numbers[name] = self._run(name, "SELECT CONNECTION_ID()")[0][0]
            for statement in ("ROLLBACK", "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", _PATIENT):
                self._run(name, statement)
        for statement in ("DELETE FROM things", "INSERT INTO things (id, k) VALUES (1, 'x'), (2, 'y')", "COMMIT"):
            self._run("a", statement)

    def close(self) -> None:
        """End both sessions."""
        for connection in self._connections.values():
            if connection.open:
                connection.close()
        for thread in self._threads.values():
            thread.shutdown()


@pytest.fixture(scope="module")
def both(database_subject: Subject) -> Iterator[_Sessions]:
    """The two sessions."""
    made = _Sessions(database_subject)
    yield made
    made.close()


@pytest.fixture
def sessions(both: _Sessions) -> _Sessions:
    """Two sessions, and two rows: (1, 'x', 0) and (2, 'y', 0)."""
    both.begin()
    return both


@pytest.mark.parametrize("steps", _SCENARIOS.values(), ids=[re.sub(r"\W+", "_", name) for name in _SCENARIOS])
def test_sessions(sessions: _Sessions, steps: Steps) -> None:
    """Each step of two sessions ends as it does in InnoDB."""
    for at, (name, statement, expected) in enumerate(steps):
        assert sessions.step(name, statement, expected) == expected, f"step {at}: {name} {statement}"


_ADD_TWO = "INSERT INTO things (id) VALUES (4), (3)"
_UPSERT = "INSERT INTO things (id) VALUES (4), (3) ON DUPLICATE KEY UPDATE v = 1"


def test_a_row_that_may_not_be_changed(sessions: _Sessions, database_subject: Subject) -> None:
    """A statement that would change a refused row fails as a whole; the transaction goes on, and other rows can be
    changed."""
    for name in ("a", "b"):
        sessions.step(name, "COMMIT", 0)
    with database_subject.refusing(2):
        steps = [
            (_ONE, 1), (_TWO, "E1644"), ("UPDATE things SET v = v + 1", "E1644"), ("DELETE FROM things", "E1644"),
            (_SHOW, [(1, 1), (2, 0)]), ("UPDATE things SET v = 9 WHERE id = 7", 0), ("COMMIT", 0),
        ]  # fmt: skip
        for statement, expected in steps:
            assert sessions.step("a", statement, expected) == expected, statement
    with database_subject.refusing(3):
        for statement, expected in [(_ADD_TWO, "E1644"), (_UPSERT, "E1644"), (_SHOW, [(1, 1), (2, 0)]), ("COMMIT", 0)]:
            assert sessions.step("b", statement, expected) == expected, statement
    assert sessions.step("b", _ADD_TWO, 2) == 2


def test_deadlock(sessions: _Sessions) -> None:
    """If two sessions wait for each other, one is rolled back, and the other goes on."""
    assert [sessions.step("a", _ONE, 1), sessions.step("b", _TWO, 1)] == [1, 1]
    sessions.step("a", _TWO, WAITS)
    ends = {"b": sessions.step("b", _ONE, 1), "a": sessions.step("a", "…", 1)}
    assert sorted(map(str, ends.values())) == ["1", "E1213"]
    loser = "a" if ends["a"] == "E1213" else "b"
    winner = "b" if loser == "a" else "a"
    assert sessions.step(winner, "COMMIT", 0) == 0
    assert sessions.step(loser, _SHOW, None) == [(1, 1), (2, 1)]
