"""Cursors: where a page of a list ends. Opaque to the caller, so that their meaning stays ours to change."""

import re

from holdfast.shared.errors import InvalidCursor
from holdfast.shared.http.cursors import mark
from holdfast.shared.letters.ids import number_or_none

#: Of a position that is a number, or the id of a letter.
NUMBER, LETTER = "[0-9]{1,18}", "[0-9]{1,13}-[0-9]{1,6}"


class Cursors:
    """Of the list of this name. `form`: of a position in it."""

    def __init__(self, of: str, form: str = NUMBER) -> None:
        self._mark = f".{mark(of)}"
        self._form = re.compile(form + re.escape(self._mark))

    def behind(self, position: object) -> str:
        """The cursor of a page that ends there."""
        return f"{position}{self._mark}"

    def position(self, cursor: str) -> str:
        """Raises InvalidCursor for one that this list has not given."""
        if not self._form.fullmatch(cursor):
            raise InvalidCursor(cursor)
        return cursor.removesuffix(self._mark)

    def number(self, cursor: str | None) -> int | None:
        """Of a list whose positions are numbers. Raises InvalidCursor."""
        return None if cursor is None else int(self.position(cursor))

    def letter(self, cursor: str | None) -> int | None:
        """The number of a letter, of a list whose positions are ids of letters. Raises InvalidCursor."""
        if cursor is None:
            return None
        number = number_or_none(self.position(cursor))
        if number is None:
            raise InvalidCursor(cursor)
        return number
