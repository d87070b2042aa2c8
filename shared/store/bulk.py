"""Bulk: a cursor that makes the text of many rows column by column. PyMySQL works row by row, and then the text of an
`INSERT` costs the writer more than the decisions about its content.

The cursor sends exactly what PyMySQL would send. It leaves statements without many plain rows or values to PyMySQL.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pymysql.constants.SERVER_STATUS import SERVER_STATUS_NO_BACKSLASH_ESCAPES
from pymysql.cursors import Cursor

#: `INSERT INTO t (a, b) VALUES (%s, %s)`: only placeholders among the values, and none after them.
_PLAIN_INSERT = re.compile(r"(INSERT INTO [^%]* VALUES )\(%s(?:, %s)*\)( ON DUPLICATE KEY UPDATE [^%]*)?")
#: Up to this many values, nothing is gained.
_MANY = 16
#: Separates texts while they are escaped together; it is not escaped itself.
_BETWEEN = "\x1f"
#: Types whose equal values have the same text, unlike 0.0 and -0.0.
_ALIKE_IF_EQUAL: Sequence[set[type]] = ({str}, {int}, {type(None)})
#: PyMySQL's escapes. The backslash is first, because the others add backslashes.
_ESCAPES = (
    ("\\", "\\\\"), ("\0", "\\0"), ("\n", "\\n"), ("\r", "\\r"), ("\032", "\\Z"), ('"', '\\"'), ("'", "\\'"),
)  # fmt: skip


class BulkCursor(Cursor):
    """A PyMySQL cursor that is faster with many values."""

    def execute(self, query: Any, args: Any = None) -> Any:
        """Execute one statement, with the same effect as PyMySQL's method."""
        if isinstance(args, tuple) and len(args) > _MANY and self._escapes_alike:
            place, values = self._column(args)
            query, args = query % tuple([place % value for value in values]), None
        return super().execute(query, args)

    def executemany(self, query: str, args: Any) -> Any:
        """Execute a statement for many rows, with the same effect as PyMySQL's method."""
        if (around := _around_rows(query)) and len(args) > 1 and self._escapes_alike:
            columns = [self._varied(column) for column in zip(*args, strict=True)]
            row = f"({', '.join(place for place, _ in columns)})"
            varied = [values for _, values in columns if values is not None]
            rows = ",".join(map(row.__mod__, zip(*varied, strict=True) if varied else [()] * len(args)))
            statement = rows.join(around)
            if len(statement.encode()) <= self.max_stmt_length:
                return super().execute(statement)
        return super().executemany(query, args)

    @property
    def _escapes_alike(self) -> Any:
        """Whether the connection uses UTF-8 and the server treats a backslash as an escape."""
        connection: Any = self.connection  # its stubs are incomplete
        return connection.encoding == "utf8" and not connection.server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES

    def _varied(self, column: Sequence[Any]) -> tuple[str, Sequence[Any] | None]:
        """Return the same as `_column`, except that a value that is equal in every row stands in the placeholder
        itself; the values are None then."""
        if column.count(column[0]) < len(column) or set(map(type, column)) not in _ALIKE_IF_EQUAL:
            return self._column(column)
        place, (value,) = self._column(column[:1])
        return (place % value).replace("%", "%%"), None

    def _column(self, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Return the placeholder of such values in a statement, and the values to put there."""
        kinds = set(map(type, values))
        if kinds == {str}:
            return "'%s'", _escaped(values)
        if kinds == {int}:
            return "%d", values
        return "%s", list(map(self.connection.escape, values))


@lru_cache(maxsize=64)
def _around_rows(query: str) -> tuple[str, str] | None:
    """Return the parts of a plain `INSERT` before and after its rows, or None for any other statement."""
    found = _PLAIN_INSERT.fullmatch(query)
    return (found[1], found[2] or "") if found else None


def _escaped(texts: Sequence[str]) -> Sequence[str]:
    """Escape all texts at once: a few passes over one long text are enough, and few texts need any escape."""
    escaped = _escape(_BETWEEN.join(texts)).split(_BETWEEN)
    return escaped if len(escaped) == len(texts) else list(map(_escape, texts))


def _escape(text: str) -> str:
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return text
