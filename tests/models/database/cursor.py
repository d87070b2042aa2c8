"""Cursor: runs statements and holds their rows, as PyMySQL's cursor does."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from pymysql.cursors import RE_INSERT_VALUES

from tests.models.database.execute import Result

if TYPE_CHECKING:
    from tests.models.database.session import Session


@lru_cache(1000)
def _described(names: tuple[str, ...]) -> tuple[tuple[Any, ...], ...]:
    return tuple((name, None, None, None, None, None, True) for name in names)


class Cursor:
    """A cursor with its rows."""

    arraysize = 1

    def __init__(self, connection: "Session") -> None:
        self.connection = connection
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self.rowcount = -1
        self.lastrowid = 0
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def execute(self, query: str, args: Any = None) -> int:
        """Run a statement, and return the number of rows. `args`: if None, `%` is no placeholder."""
        return self._take(self.connection.run(query, args))

    def executemany(self, query: str, args: Any) -> int:
        """Run a statement for each set of arguments. An INSERT of values is one statement for all of them."""
        if not args:
            return 0
        if RE_INSERT_VALUES.match(query):
            return self._take(self.connection.run(query, args, many=True))
        self.rowcount = sum([self.execute(query, each) for each in args])
        return self.rowcount

    def _take(self, result: Result) -> int:
        self._rows = iter(result.rows)
        self.rowcount, self.lastrowid = result.count, result.last_id
        self.description = None
        if result.names is not None:
            self.description = _described(result.names)
        return result.count

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> tuple[tuple[Any, ...], ...]:
        """Return the next rows."""
        found = list(islice(self._rows, size or self.arraysize))
        return tuple(found)

    def fetchall(self) -> tuple[tuple[Any, ...], ...]:
        """Return the remaining rows."""
        return tuple(self._rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._rows

    def nextset(self) -> None:
        """Return None: there is only one result."""

    def close(self) -> None:
        """Discard the rows."""
        self._rows = iter(())

    def __enter__(self) -> "Cursor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
