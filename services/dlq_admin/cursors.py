"""Cursors: mark where a page of a list ends. Cursors are opaque to callers, so that their format may change."""

import re

from holdfast.shared.errors import InvalidCursor
from holdfast.shared.http.cursors import mark
from holdfast.shared.letters.ids import number_or_none

#: Patterns of a position: a number, or the id of a letter.
NUMBER, LETTER = "[0-9]{1,18}", "[0-9]{1,13}-[0-9]{1,6}"


class Cursors:
    """The cursors of the list named `of`. `form`: a pattern that its positions match."""

    def __init__(self, of: str, form: str = NUMBER) -> None:
        self._mark = f".{mark(of)}"
        self._form = re.compile(form + re.escape(self._mark))

    def behind(self, position: object) -> str:
        """Return the cursor of a page that ends at `position`."""
        return f"{position}{self._mark}"

    def position(self, cursor: str) -> str:
        """Return the position in a cursor. Raises InvalidCursor if the cursor does not belong to this list."""
        if not self._form.fullmatch(cursor):
            raise InvalidCursor(cursor)
        return cursor.removesuffix(self._mark)

    def number(self, cursor: str | None) -> int | None:
        """Return the position as a number. Raises InvalidCursor."""
        return None if cursor is None else int(self.position(cursor))

    def letter(self, cursor: str | None) -> int | None:
        """Return the number of the letter whose id is the position. Raises InvalidCursor."""
        if cursor is None:
            return None
        number = number_or_none(self.position(cursor))
        if number is None:
            raise InvalidCursor(cursor)
        return number
