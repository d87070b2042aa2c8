"""Statements of a database: values, errors and counts."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pymysql
import pytest

from holdfast.shared.store.role import Role, role_of
from tests.contracts.database_subjects import Subject


def _at(*parts: int) -> datetime:
    """Return a moment as the driver gives it, without a time zone."""
    return datetime(*parts)  # type: ignore[misc]  # noqa: DTZ001 - that is the point


_AT = _at(2026, 1, 2, 3, 4, 5, 678)


@pytest.fixture(scope="module")
def session(database_subject: Subject) -> Iterator[Any]:
    """A cursor of a session in which there are three things and two others."""
    with database_subject.connect() as connection, connection.cursor() as made:
        made.executemany(
            "INSERT INTO things (id, k, v, at, doc) VALUES (%s, %s, %s, %s, %s)",
            [
                (1, "x", 1, _AT, '{"a": {"b": "c"}}'),
                (2, "Y", 2, None, None),
                (3, None, 3, "2026-01-02 03:04:05", "50% _x"),
            ],
        )
        made.executemany("INSERT INTO others (thing, code) VALUES (%s, %s)", [(1, "one"), (2, "two")])
        made.execute("SAVEPOINT start")
        yield made
        connection.rollback()


@pytest.fixture
def cursor(session: Any) -> Iterator[Any]:
    """The same cursor, with the initial rows for each test."""
    yield session
    session.execute("ROLLBACK TO SAVEPOINT start")


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("v", [1, 2, 3]),
        ("at", [_AT, None, _at(2026, 1, 2, 3, 4, 5)]),
        ("TIMESTAMPADD(MICROSECOND, 1500000, at)",
         [_at(2026, 1, 2, 3, 4, 6, 500678), None, _at(2026, 1, 2, 3, 4, 6, 500000)]),
        ("at - INTERVAL 5 SECOND", [_at(2026, 1, 2, 3, 4, 0, 678), None, _at(2026, 1, 2, 3, 4)]),
        ("k = 'x '", [1, 0, None]),
        ("k = 'y'", [0, 0, None]),
        ("k LIKE 'y'", [0, 0, None]),
        ("k COLLATE utf8mb4_general_ci LIKE 'y'", [0, 1, None]),
        ("doc LIKE CONCAT('%%', '/%% /_', '%%') ESCAPE '/'", [0, None, 1]),
        ("CONCAT(k, NULL)", [None, None, None]),
        ("CONCAT(k, '-', v)", ["x-1", "Y-2", None]),
        ("COALESCE(k, 'none')", ["x", "Y", "none"]),
        ("FLOOR((v - 1) / 2)", [0, 0, 1]),
        ("GREATEST(v, 2)", [2, 2, 3]),
        ("LEAST(v, NULL)", [None, None, None]),
        ("JSON_UNQUOTE(JSON_EXTRACT(doc, '$.a.b'))", ["c", None, pytest.approx]),
        ("CAST(SUBSTRING_INDEX(CONCAT(v, '-7'), '-', 1) AS UNSIGNED) * 10", [10, 20, 30]),
        ("SUBSTRING_INDEX('a-b-c', '-', -1)", ["c", "c", "c"]),
        ("CAST(k AS BINARY) = CAST('x' AS BINARY)", [1, 0, None]),
        ("(id, v) IN ((1, 1), (2, 3))", [1, 0, 0]),
        ("v BETWEEN 2 AND 3", [0, 1, 1]),
        ("k BETWEEN 'Y' AND 'x'", [1, 1, None]),
        ("k BETWEEN 'a' AND 'y'", [1, 0, None]),
        ("CONCAT(k, '-1') BETWEEN 'Y' AND 'Y:'", [0, 1, None]),
        ("CASE WHEN v > 2 THEN 'big' ELSE 'small' END", ["small", "small", "big"]),
        ("NOT COALESCE(k = 'x', 0)", [0, 1, 1]),
        ("IF(v > 1, 'a', 'b')", ["b", "a", "a"]),
        ("EXISTS (SELECT 1 FROM others WHERE others.thing = things.id)", [1, 1, 0]),
    ],
)  # fmt: skip
def test_expressions(cursor: Any, expression: str, values: list[Any]) -> None:
    """An expression has the same value of the same type in the model as in a real database."""
    only = " WHERE id < 3" if values[-1] is pytest.approx else ""
    cursor.execute(f"SELECT {expression} AS e FROM things{only} ORDER BY id", ())
    found = [row[0] for row in cursor.fetchall()]
    assert found == values[: len(found)]
    assert [type(each) for each in found] == [type(each) for each in values[: len(found)]]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT COUNT(*), SUM(v), SUM(k IS NULL), MAX(v), MIN(at) FROM things",
         [(3, Decimal(6), Decimal(1), 3, _at(2026, 1, 2, 3, 4, 5))]),
        ("SELECT SUM(v), COALESCE(SUM(v), 0), COUNT(k) FROM things WHERE id > 9", [(None, Decimal(0), 0)]),
        ("SELECT t.id, o.code FROM things t LEFT JOIN others o ON o.thing = t.id ORDER BY t.id",
         [(1, "one"), (2, "two"), (3, None)]),
        ("SELECT id FROM things WHERE id = 1 UNION ALL SELECT 7 FROM things WHERE id = 2", [(1,), (7,)]),
        ("SELECT id FROM things WHERE k IN ('x') UNION ALL SELECT 7 FROM others WHERE code = 'two' UNION ALL"
         " (SELECT id FROM things WHERE k BETWEEN 'Y' AND 'x' AND v > 1 LIMIT 1)", [(1,), (7,), (2,)]),
        ("SELECT '', 7 FROM others WHERE code = 'two' UNION ALL"
         " (SELECT k, id FROM things WHERE k BETWEEN 'a' AND 'b' LIMIT 1)", [("", 7)]),
        ("SELECT a.id FROM ((SELECT id FROM things ORDER BY id DESC LIMIT 1) UNION ALL"
         " (SELECT id FROM things ORDER BY id LIMIT 1) ORDER BY id LIMIT 2) AS a", [(1,), (3,)]),
        ("SELECT v > 1 AS big, COUNT(*) FROM things GROUP BY 1 ORDER BY 1", [(0, 1), (1, 2)]),
        ("SELECT DISTINCT k IS NULL FROM things ORDER BY 1", [(0,), (1,)]),
        ("SELECT id FROM things FORCE INDEX (things_v) WHERE v >= 2 ORDER BY v LIMIT 1", [(2,)]),
        ("SELECT k FROM things ORDER BY k", [(None,), ("Y",), ("x",)]),
        ("SELECT * FROM others WHERE code = 'one'", None),
    ],
)  # fmt: skip
def test_queries(cursor: Any, query: str, rows: list[Any] | None) -> None:
    """A query has the same rows in the model as in a real database."""
    cursor.execute(query)
    found = list(cursor.fetchall())
    assert found == rows if rows is not None else [row[1:] for row in found] == [(1, "one")]


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("INSERT INTO things (id, v) VALUES (9, NULL)", 1048),
        ("INSERT INTO things (v) VALUES (9)", 1364),
        ("INSERT INTO things (id, k) VALUES (9, 'eleven chars')", 1406),
        ("INSERT INTO things (id, v) VALUES (9, 2147483648)", 1264),
        ("INSERT INTO things (id, v) VALUES (9, 'many')", 1366),
        ("INSERT INTO things (id, at) VALUES (9, 'today')", 1292),
        ("INSERT INTO others (thing, code) VALUES (1, 'ö')", 1366),
        ("INSERT INTO things (id, k) VALUES (9, 'x')", 1062),
        ("INSERT INTO things (id, k) VALUES (9, 'x ')", 1062),
        ("INSERT INTO things (id) VALUES (1)", 1062),
        ("INSERT INTO things (id, k) VALUES (3, 'z'), (2, 'x') ON DUPLICATE KEY UPDATE k = VALUES(k), v = 9", 1062),
        ("UPDATE things SET k = 'x' WHERE id = 2", 1062),
        ("UPDATE things SET v = NULL WHERE id = 2", 1048),
        ("UPDATE things SET nothing = 1", 1054),
        ("SELECT nothing FROM things", 1054),
        ("SELECT 1 FROM nothing", 1146),
        ("SELEC 1", 1064),
    ],
)
def test_errors(cursor: Any, statement: str, number: int) -> None:
    """A statement that a strict server refuses fails with its error number, and changes nothing."""
    with pytest.raises(pymysql.err.MySQLError) as caught:
        cursor.execute(statement)
    assert caught.value.args[0] == number, caught.value
    assert type(caught.value) is pymysql.err.error_map.get(number, pymysql.err.OperationalError)
    cursor.execute("SELECT COUNT(*), SUM(v) FROM things")
    assert cursor.fetchone() == (3, Decimal(6))


@pytest.mark.parametrize(
    ("statement", "count", "after"),
    [
        ("INSERT INTO things (id, k) VALUES (9, 'X')", 1, [(1, 1), (2, 2), (3, 3), (9, 0)]),
        ("INSERT INTO things (id, v) VALUES (1, 5), (9, 5) ON DUPLICATE KEY UPDATE v = GREATEST(v, VALUES(v))", 3,
         [(1, 5), (2, 2), (3, 3), (9, 5)]),
        ("INSERT INTO things (id, k, v) VALUES (9, 'x', 7) ON DUPLICATE KEY UPDATE v = VALUES(v)", 2,
         [(1, 7), (2, 2), (3, 3)]),
        ("UPDATE things SET v = v WHERE id < 3", 2, [(1, 1), (2, 2), (3, 3)]),
        ("UPDATE things t JOIN others o ON o.thing = t.id AND o.code = 'two' SET t.v = t.v + o.thing WHERE t.v > 0", 1,
         [(1, 1), (2, 4), (3, 3)]),
        ("DELETE FROM things ORDER BY v DESC LIMIT 2", 2, [(1, 1)]),
        ("DELETE t FROM things t JOIN others o ON o.thing = t.id WHERE o.code = 'one'", 1, [(2, 2), (3, 3)]),
        ("DELETE FROM things WHERE at < UTC_TIMESTAMP(6) - INTERVAL 1 SECOND", 2, [(2, 2)]),
        ("DELETE FROM things WHERE id IN (SELECT thing FROM others)", 2, [(3, 3)]),
    ],
)  # fmt: skip
def test_changes(cursor: Any, statement: str, count: int, after: list[Any]) -> None:
    """A change affects and counts the same rows in the model as in a real database."""
    assert cursor.execute(statement) == cursor.rowcount == count
    cursor.execute("SELECT id, v FROM things ORDER BY id")
    assert list(cursor.fetchall()) == after


def test_new_numbers(cursor: Any) -> None:
    """A number that the database assigns is reported, and is not assigned twice, even after a rollback."""
    cursor.execute("INSERT INTO others (thing, code) VALUES (5, 'a')")
    first = cursor.lastrowid
    cursor.execute("INSERT INTO others (thing, code) VALUES (6, 'b')")
    assert cursor.lastrowid == first + 1
    cursor.execute("ROLLBACK TO SAVEPOINT start")
    cursor.execute("INSERT INTO others (thing, code) VALUES (7, 'c')")
    assert cursor.lastrowid > first + 1


def test_the_role_of_a_server_that_is_alone(database_subject: Subject) -> None:
    """A single server accepts writes and is in no cluster."""
    with database_subject.connect() as connection:
        assert role_of(connection) == Role(read_only=False)
