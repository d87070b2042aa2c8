"""Bulk: a cursor that makes the text of many rows column by column. Row by row, as PyMySQL does it, the text of an
`INSERT` costs the writer more than deciding what is in it.

What it sends is what PyMySQL would send. It leaves to PyMySQL whatever is not many plain rows or values.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from pymysql.constants.SERVER_STATUS import SERVER_STATUS_NO_BACKSLASH_ESCAPES
from pymysql.cursors import Cursor

#: `INSERT INTO t (a, b) VALUES (%s, %s)`: nothing among the values but places, nothing behind them.
_PLAIN_INSERT = re.compile(r"(INSERT INTO [^%]* VALUES )\(%s(?:, %s)*\)")
#: Below this many values nothing is gained.
_MANY = 16
#: Joins texts while they are escaped, and is not escaped itself.
_BETWEEN = "\x1f"
#: Kinds of values that have one text if they are equal, as 0.0 and -0.0 have not.
_ALIKE_IF_EQUAL: Sequence[set[type]] = ({str}, {int}, {type(None)})
#: As PyMySQL has them; the backslash first, because the others bring some.
_ESCAPES = (
    ("\\", "\\\\"), ("\0", "\\0"), ("\n", "\\n"), ("\r", "\\r"), ("\032", "\\Z"), ('"', '\\"'), ("'", "\\'"),
)  # fmt: skip


class BulkCursor(Cursor):
    """PyMySQL's cursor, quick at many values."""

    def execute(self, query: Any, args: Any = None) -> Any:
        """As PyMySQL does it."""
        if isinstance(args, tuple) and len(args) > _MANY and self._escapes_alike:
            place, values = self._column(args)
            query, args = query % tuple([place % value for value in values]), None
        return super().execute(query, args)

    def executemany(self, query: str, args: Any) -> Any:
        """As PyMySQL does it."""
        if (begin := _begin_of(query)) and len(args) > 1 and self._escapes_alike:
            columns = [self._varied(column) for column in zip(*args, strict=True)]
            row = f"({', '.join(place for place, _ in columns)})"
            varied = [values for _, values in columns if values is not None]
            rows = ",".join(map(row.__mod__, zip(*varied, strict=True) if varied else [()] * len(args)))
            statement = f"{begin}{rows}"
            if len(statement.encode()) <= self.max_stmt_length:
                return super().execute(statement)
        return super().executemany(query, args)

    @property
    def _escapes_alike(self) -> Any:
        """Whether the server takes a backslash for an escape, and UTF-8."""
        connection: Any = self.connection  # its stubs leave half of it out
        return connection.encoding == "utf8" and not connection.server_status & SERVER_STATUS_NO_BACKSLASH_ESCAPES

    def _varied(self, column: Sequence[Any]) -> tuple[str, Sequence[Any] | None]:
        """Like `_column`; what is the same in every row stands in the place itself, and there are no values then."""
        if column.count(column[0]) < len(column) or set(map(type, column)) not in _ALIKE_IF_EQUAL:
            return self._column(column)
        place, (value,) = self._column(column[:1])
        return (place % value).replace("%", "%%"), None

    def _column(self, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """The place of such a value in a statement, and the values as they are put there."""
        kinds = set(map(type, values))
        if kinds == {str}:
            return "'%s'", _escaped(values)
        if kinds == {int}:
            return "%d", values
        return "%s", list(map(self.connection.escape, values))


@lru_cache(maxsize=64)
def _begin_of(query: str) -> str:
    """What stands before the rows of a plain `INSERT`; empty for any other statement."""
    found = _PLAIN_INSERT.fullmatch(query)
    return found[1] if found else ""


def _escaped(texts: Sequence[str]) -> Sequence[str]:
    """All at once: it takes a few looks at a long text, and few texts hold anything to escape."""
    escaped = _escape(_BETWEEN.join(texts)).split(_BETWEEN)
    return escaped if len(escaped) == len(texts) else list(map(_escape, texts))


def _escape(text: str) -> str:
    for character, escape in _ESCAPES:
        text = text.replace(character, escape)
    return text
