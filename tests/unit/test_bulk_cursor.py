"""The cursor for many rows sends the same text as PyMySQL's own."""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_NO_BACKSLASH_ESCAPES
from pymysql.cursors import Cursor

from holdfast.shared.store.bulk import BulkCursor


class _Effect(StrEnum):
    APPLIED = "it's applied"


_TEXT = st.text("ab'\"\\\0\n\r\x1a\x1f%`é😀", max_size=6)
_KINDS: Sequence[st.SearchStrategy[Any]] = (
    _TEXT, st.integers(), st.booleans(), st.none(), st.none() | _TEXT, st.integers() | _TEXT, st.binary(),
    st.just(_Effect.APPLIED), st.datetimes(), st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
_PLAIN = "INSERT INTO `t` (`a`, `b`) VALUES "


@st.composite
def _rows(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    columns = draw(st.lists(st.sampled_from(_KINDS), min_size=1, max_size=4))
    return draw(st.lists(st.tuples(*columns), min_size=1, max_size=6))


class _Connection(pymysql.Connection):  # type: ignore[type-arg]  # generic in its stubs alone
    """A connection that keeps what it is to send, and sends nothing."""

    def __init__(self, kind: type[Cursor], status: int) -> None:
        super().__init__(defer_connect=True, ssl_disabled=True, charset="utf8mb4", cursorclass=kind)
        self.server_status = status
        self.sent: list[bytes] = []

    def query(self, sql: str | bytes | bytearray, unbuffered: bool = False) -> int:
        self.sent.append(sql.encode("utf8", "surrogateescape") if isinstance(sql, str) else bytes(sql))
        self._result = SimpleNamespace(
            affected_rows=0, insert_id=0, description=None, warning_count=0, rows=(), has_next=False
        )
        return 0


def _sent(kind: type[Cursor], use: Callable[[Cursor], object], status: int = 2) -> list[bytes]:
    """Return what would reach the server."""
    connection = _Connection(kind, status)
    use(connection.cursor())
    return connection.sent


def _alike(use: Callable[[Cursor], object], status: int = 2) -> None:
    assert _sent(BulkCursor, use, status) == _sent(Cursor, use, status)


@settings(max_examples=100)
@given(_rows())
@example([("\x1f",), ("a",)])
@example([(True,), (1,)])
@example([(0.0,), (-0.0,)])
@example([("50 %s", None, 1, "'")] * 3)
@example([(_Effect.APPLIED, datetime(2026, 1, 1), b"'")] * 2)  # noqa: DTZ001 - what a column holds
def test_rows_of_any_values_make_the_text_that_pymysql_makes(rows: list[tuple[Any, ...]]) -> None:
    """Rows of any values, mixed columns and characters to escape included, make the text that PyMySQL's own cursor
    makes."""
    places = f"({', '.join(['%s'] * len(rows[0]))})"
    _alike(lambda cursor: cursor.executemany(_PLAIN + places, rows))
    _alike(lambda cursor: cursor.executemany(f"{_PLAIN}{places} ON DUPLICATE KEY UPDATE b = 1", rows))


@settings(max_examples=100)
@given(st.lists(st.one_of(_KINDS), max_size=40).map(tuple))
def test_many_values_of_a_query_make_the_text_that_pymysql_makes(values: tuple[Any, ...]) -> None:
    """A query with many values, such as a list of keys to look for, makes the text that PyMySQL's own cursor makes."""
    query = f"SELECT 1 FROM t WHERE a IN ({','.join(['%s'] * len(values))})"
    _alike(lambda cursor: cursor.execute(query, values))


def test_what_a_server_or_a_limit_makes_special_is_left_to_pymysql(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements for a server that does not take a backslash as an escape, and statements too long for one packet, are
    left to PyMySQL."""
    rows = [(number, "it's \\ so") for number in range(40)]
    _alike(lambda cursor: cursor.executemany(f"{_PLAIN}(%s, %s)", rows), SERVER_STATUS_NO_BACKSLASH_ESCAPES)
    monkeypatch.setattr(Cursor, "max_stmt_length", 200)
    _alike(lambda cursor: cursor.executemany(f"{_PLAIN}(%s, %s)", rows))


def test_values_that_do_not_fit_the_rows_are_refused() -> None:
    """A row that is too short is refused, and never takes a value of its neighbour."""
    with pytest.raises((ValueError, pymysql.err.ProgrammingError)):
        _sent(BulkCursor, lambda cursor: cursor.executemany(f"{_PLAIN}(%s, %s)", [(1, 2), (3,)]))
